"""`shoprelay listen`: what comes in and what becomes of it, one line each, as it happens."""
