"""The last look, reason by reason."""

from datetime import timedelta

import pytest

from schemas.signals import CheckoutStarted, NewsletterSubscribed, NewsletterUnsubscribed, Signal
from streams.delivery.lastlook import withheld
from tests.delivery.moved import NOON
from tests.delivery.said import abandoned, active, cart, changed, erased, ordered, searched, signal, unsubscribed

LATER = NOON + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("behind", "reason"),
    [
        ([], None),
        ([ordered(closed=("basket",))], "bought"),
        ([ordered(closed=("other",))], None),
        ([ordered(closed=(), at=LATER)], "bought"),
        ([ordered(closed=(), at=NOON - timedelta(days=400))], None),
        ([ordered(closed=("other",), wrong=("ada-abandoned-basket-1-1",))], "bought"),
        ([changed(version=2)], "changed"),
        ([changed(version=2, empty=True)], "emptied"),
        ([changed(version=1)], None),
        ([changed(version=2, cart_id="other")], None),
        ([abandoned(stage=2)], "later_stage"),
        ([abandoned(version=2)], "changed"),
        ([abandoned(stage=1)], None),
        ([abandoned(cart_id="other", stage=2)], None),
        ([erased()], "erased"),
        ([unsubscribed()], "unsubscribed"),
        ([unsubscribed(), signal("ada", "again", NewsletterSubscribed())], None),
        ([signal("ada", "sms", NewsletterUnsubscribed(channel="sms"))], None),
        ([signal("ada", "checkout", CheckoutStarted(cart=cart(2)))], "changed"),
        ([signal("ada", "checkout", CheckoutStarted(cart=cart(1)))], None),
        ([searched("ada", 1), active("ada", 1)], None),
        ([changed(version=2), ordered(), erased()], "erased"),
        ([changed(version=2), ordered()], "bought"),
        ([signal("ada", "elsewhere", ordered().payload, shop="cups")], None),
    ],
)
def test_what_is_known_behind_a_reminder_decides(behind: list[Signal], reason: str | None) -> None:
    assert withheld(abandoned(), behind, LATER) == reason


@pytest.mark.parametrize(("seconds", "reason"), [(59, None), (60, "expired"), (61, "expired")])
def test_a_reminder_never_leaves_at_or_after_its_expiry(seconds: int, reason: str | None) -> None:
    assert withheld(abandoned(expires_in=60), [], NOON + timedelta(seconds=seconds)) == reason


def test_a_purchase_says_more_than_the_expiry() -> None:
    assert withheld(abandoned(expires_in=60), [ordered()], NOON + timedelta(hours=1)) == "bought"


def test_only_a_reminder_is_ever_withheld() -> None:
    assert withheld(changed(), [erased()], LATER) is None
