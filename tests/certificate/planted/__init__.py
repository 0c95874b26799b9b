"""Bugs to plant: for each behaviour at least one, planted on Acme, which the certificate must see."""

from tests.certificate.planted import answers, calls, delivery, features, folder, settings, standin, trouble
from tests.certificate.planted.tools import PLANTED, Ground, Planted

CHAPTERS = (folder, settings, calls, standin, answers, delivery, trouble, features)
__all__ = ["CHAPTERS", "PLANTED", "Ground", "Planted"]
