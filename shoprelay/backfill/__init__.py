"""History from files: read in one pass, told as `priority: backfill`, and gone on with where it was after a kill."""
