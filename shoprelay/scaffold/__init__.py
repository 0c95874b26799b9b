"""`make new-sink NAME=acme`: an empty form of a platform's folder, which says in order what to fill."""
