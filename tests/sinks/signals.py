"""Arbitrary signals for property tests: those of the certificate, drawn by hypothesis, which finds and shrinks."""

from __future__ import annotations

from hypothesis import strategies as st

from schemas.signals import AnySignal, Conclusion
from shoprelay.certificate import madeup


def signals(kind: type[Conclusion]) -> st.SearchStrategy[AnySignal]:
    """Signals with a payload of this class."""
    return st.randoms(use_true_random=False).map(lambda random: madeup.signal(kind, random))
