"""How a client proves to Kafka who it is, once, and in the words of both client libraries."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True, kw_only=True)
class Security:
    """How clients prove who they are. Files are PEM; without `ca_file` the system's certificates are trusted.

    Raises ValueError where the parts do not fit together.
    """

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism = "PLAIN"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    key_password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.protocol.startswith("SASL") and not (self.username and self.password):
            raise ValueError(f"security protocol {self.protocol} needs a username and a password")
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("a client certificate needs both cert_file and key_file")
        if (self.ca_file or self.cert_file) and not self.tls:
            raise ValueError(f"certificate files are set, but security protocol {self.protocol} uses no TLS")

    @property
    def tls(self) -> bool:
        return self.protocol.endswith("SSL")


def aiokafka_options(security: Security) -> dict[str, Any]:
    """Keyword arguments that every aiokafka client takes. Raises OSError or ssl.SSLError if a file cannot be read."""
    options: dict[str, Any] = {"security_protocol": security.protocol}
    if security.tls:
        context = ssl.create_default_context(cafile=str(security.ca_file) if security.ca_file else None)
        if security.cert_file and security.key_file:
            context.load_cert_chain(str(security.cert_file), str(security.key_file), security.key_password)
        options["ssl_context"] = context
    if security.protocol.startswith("SASL"):
        options["sasl_mechanism"] = security.mechanism
        options["sasl_plain_username"] = security.username
        options["sasl_plain_password"] = security.password
    return options


def librdkafka_options(security: Security | None) -> dict[str, str]:
    """The same proof of identity in the words of librdkafka; None is a plain connection."""
    if security is None:
        return {}
    options: dict[str, str] = {"security.protocol": security.protocol}
    if security.protocol.startswith("SASL"):
        options["sasl.mechanism"] = security.mechanism
        options["sasl.username"] = security.username or ""
        options["sasl.password"] = security.password or ""
    files = {
        "ssl.ca.location": security.ca_file,
        "ssl.certificate.location": security.cert_file,
        "ssl.key.location": security.key_file,
        "ssl.key.password": security.key_password,
    }
    return options | {name: str(value) for name, value in files.items() if value}
