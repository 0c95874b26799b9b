"""Asking platforms that do not tell: rounds of questions, events into the front door, a position that survives."""
