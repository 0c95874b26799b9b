"""A customer's state as bytes: one version byte, then msgpack with one-letter field names.

    * StateError
      + UnknownStateVersion   written by a newer release: roll forward, or rebuild the table from the log
      + BrokenState           not what this codec writes: rebuild the table from the log

Fields may be added with a default; anything else is a new version. `tests/domain` keeps bytes of every version.
"""

import msgspec

from streams.domain.customer import Customer

VERSION = 1
_PREFIX = bytes([VERSION])
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Customer)


class StateError(Exception):
    """A stored state that cannot be read."""


class UnknownStateVersion(StateError):
    pass


class BrokenState(StateError):
    pass


def encode(state: Customer) -> bytes:
    """About 130 to 400 bytes for a customer with one cart line."""
    return _PREFIX + _encoder.encode(state)


def decode(stored: bytes) -> Customer:
    """Raises `UnknownStateVersion` or `BrokenState`; neither message holds anything of the content."""
    if not stored:
        raise BrokenState("state: 0 bytes, expected a version byte; rebuild the table from the log")
    if stored[0] != VERSION:
        raise UnknownStateVersion(
            f"state version: {stored[0]}, this release reads {VERSION}; roll forward or rebuild the table from the log"
        )
    try:
        return _decoder.decode(memoryview(stored)[1:])
    except msgspec.MsgspecError as bad:
        raise BrokenState(f"state: {type(bad).__name__}; rebuild the table from the log") from None
