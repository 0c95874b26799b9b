"""What every request is wrapped in, and where the UUID goes. Pure.

The UUID stands for the account, so it is no part of a call: calls are kept and shown. Their bodies end with an empty
one, which is filled at the moment of sending.
"""

from __future__ import annotations

import orjson
from msgspec import structs

from sinks.body import Fields, as_json
from sinks.contract import Call

_NOT_YET = b'"uuid":""}'


def event(name: str, about: Fields | list[Fields], cause: str, opens: str = "", needs: str = "") -> Call:
    """`cause` is the id of the signal: one signal says an event once."""
    body = as_json({"event": name, "uuid": "", "data": about})
    return Call(name, "POST", "", body, f"{cause}:{name}", opens=opens, needs=needs)


def whole(data: list[Fields]) -> bytes:
    """The body of what is told at the beginning."""
    return as_json({"uuid": "", "data": data})


def with_uuid(call: Call, uuid: str) -> Call:
    """The call as it leaves. `uuid` is the last of the envelope's keys, which are sorted: nothing a customer wrote can
    stand behind it, and nothing else is looked at. A body of another kind is left as it is."""
    if not call.body.endswith(_NOT_YET):
        return call
    return structs.replace(call, body=call.body[: -len(b'""}')] + orjson.dumps(uuid) + b"}")
