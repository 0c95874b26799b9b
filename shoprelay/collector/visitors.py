"""Who posts from a browser: an address to count by, which is kept nowhere, and whether it is a known bot."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

from aiohttp import web

_BOTS = re.compile(
    r"(?<!cu)bot\b|bot[/;_-]|crawl|spider|slurp|headless|lighthouse|pagespeed|pingdom|uptime|monitoring|statuscake|gtmetrix"
    r"|facebookexternalhit|facebookcatalog|whatsapp/|telegrambot|embedly|preview|feedfetcher|mediapartners|adsbot"
    r"|google-read-aloud|googleother|apis-google|ia_archiver|archive\.org|bytespider|gptbot|claude|perplexity|ccbot"
    r"|phantomjs|puppeteer|playwright|selenium|^(curl|wget|python|go-http|java|okhttp|libwww|axios|node)",
    re.IGNORECASE,
)


def is_bot(agent: str) -> bool:
    """By the name it gives itself. Browsers always give one."""
    return not agent or _BOTS.search(agent) is not None


def address_of(request: web.Request, proxies: int) -> str:
    """The visitor's: what our own outermost proxy saw. Whatever the visitor wrote before it counts for nothing."""
    seen = request.remote or ""
    if proxies:
        passed = [each.strip() for line in request.headers.getall("X-Forwarded-For", ()) for each in line.split(",")]
        seen = passed[-proxies] if len(passed) >= proxies else seen
    try:
        address = ip_address(seen)
    except ValueError:
        return request.remote or ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(IPv6Address(int(address) >> 64 << 64))
    return str(address)
