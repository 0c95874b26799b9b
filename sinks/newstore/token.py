"""The token a tenant lends: asked for at the identity host, put on every call, renewed when it is refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from sinks.contract import Answer, Call, Token
from sinks.newstore.config import NewStoreConfig

UNTOLD_SECONDS = 300.0  # of a token that does not say how long it is valid
_FORM = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))


def ask(config: NewStoreConfig) -> Call:
    """A whole address: tokens are lent elsewhere. The secret is in the body, never in the address."""
    secret = config.client_secret.get_secret_value()
    if config.legacy_password_grant:
        fields = {"grant_type": "password", "username": config.client_id, "password": secret}
    else:
        fields = {"grant_type": "client_credentials", "client_id": config.client_id, "client_secret": secret}
    if config.scope:
        fields["scope"] = config.scope
    body = urlencode(fields).encode()
    return Call("token", "POST", config.identity, body, "token", endpoint="token", headers=_FORM, bare=True)


def read(answer: Answer) -> tuple[str, float] | None:
    token, seconds = answer.at("access_token"), answer.at("expires_in")
    if not isinstance(token, str) or not token:
        return None
    told = isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0
    return token, seconds if told else UNTOLD_SECONDS


def headers(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def expired(answer: Answer) -> bool:
    """A 403 says so in JSON; one that is no JSON is not about the token."""
    return answer.status == 401 or (answer.status == 403 and isinstance(answer.document, dict))


TOKEN = Token(ask=ask, read=read, headers=headers, expired=expired)
