"""The language: what shops tell us (events), what we conclude and tell (signals), and how both are written as bytes."""
