"""Money in hundredths, as whole numbers: divided among pieces without a cent lost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sinks.body import EXACT, number
from sinks.contract import CannotSay

_NEWSTORES_LIST = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL
LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN
PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD
TZS UAH UGX USD USN UYI UYU UYW UZS VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XDR XOF XPD XPF XPT XSU XTS XUA
XXX YER ZAR ZMW ZWL
"""
CURRENCIES = frozenset(_NEWSTORES_LIST.split())
# ISO 4217: currencies without a minor unit. NewStore wants the places of the currency, and never more than two.
WHOLE = frozenset({
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
    "XPF",
})  # fmt: skip


def step(currency: str) -> int:
    """The smallest amount, in hundredths."""
    return 100 if currency in WHOLE else 1


def hundredths(value: Decimal | None, currency: str, field: str) -> int:
    """Nothing is rounded: what has more places than the currency is refused. Nothing known is nothing."""
    if value is None:
        return 0
    if not value.is_finite() or value < 0:
        raise CannotSay(f"{field} must be an amount of 0 or more")
    scaled = value.scaleb(2, EXACT)
    if scaled != int(scaled) or int(scaled) % step(currency):
        raise CannotSay(f"{field} has more places than NewStore takes in this currency")
    return int(scaled)


def money(amount: int) -> Decimal:
    return number(Decimal(amount).scaleb(-2, EXACT))


def split(total: int, parts: int, smallest: int) -> list[int]:
    """As equal as it can be; the first ones get what is left over."""
    return spread(total, [1] * parts, smallest)


def spread(total: int, weights: Sequence[int], smallest: int) -> list[int]:
    """In proportion, by largest remainder, the earlier first where they are equal. No share is larger than its weight
    unless the total is larger than all weights together."""
    whole, units = sum(weights), total // smallest
    if whole == 0:
        return [0] * len(weights)
    shares = [units * weight // whole for weight in weights]
    left = units - sum(shares)
    by_remainder = sorted(range(len(weights)), key=lambda at: (-(units * weights[at] % whole), at))
    for at in by_remainder[:left]:
        shares[at] += 1
    return [share * smallest for share in shares]
