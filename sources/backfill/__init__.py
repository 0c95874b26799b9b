"""History from files: rows in, canonical events out."""
