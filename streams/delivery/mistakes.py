"""Mistakes of ours, told without what they were made with."""

from __future__ import annotations

import traceback


def where(error: Exception) -> str:
    """Names the place of a mistake without the message, which may hold a customer's data."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {frames[-1].name}, line {frames[-1].lineno}"
