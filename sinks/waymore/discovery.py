"""Where WayMore is today: its newer plugin asks for the addresses before it uses them. Pure; somebody else sends it."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from sinks.contract import Answer, Call
from sinks.waymore.config import WayMoreConfig

ASKED_AT = "https://eu.api.wm.amdtelecom.net/api/endpoints/get"
_SETTINGS = {"auth": "auth_url", "data": "data_url", "event": "event_url"}


def ask(config: WayMoreConfig) -> Call:
    """As the plugin asks, as a form. Without the UUID and without anybody's e-mail address: the plugin has no UUID yet
    when it first asks, and what they would do with the other is not documented."""
    body = urlencode({
        "store_uuid": "",
        "store_url": config.domain,
        "platform": config.source,
        "plugin_version": config.plugin_version,
        "platform_version": config.version,
        "user_id": "",
        "email": "",
    })  # fmt: skip
    headers = (("Content-Type", "application/x-www-form-urlencoded"),)
    return Call("Endpoints", "POST", ASKED_AT, body.encode(), "endpoints", endpoint="endpoints", headers=headers)


def read(answer: Answer) -> dict[str, str] | None:
    """The settings it leads to, those there are; `None` when it holds none. Addresses that are none are left out: what
    an answer says decides where customers' data go, so it is shown to a person and not used by itself."""
    listed = answer.at("data")
    if answer.at("success") != 1 or not isinstance(listed, list):
        return None
    found = {}
    for each in listed:
        kind, url = (each.get("type"), each.get("url")) if isinstance(each, dict) else (None, None)
        if isinstance(kind, str) and kind in _SETTINGS and isinstance(url, str) and _is_address(url):
            found[_SETTINGS[kind]] = url
    return found or None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    clean = url.isascii() and url.isprintable() and not set(' "\\#') & set(url)
    return clean and parts.scheme in ("https", "http") and bool(parts.netloc)
