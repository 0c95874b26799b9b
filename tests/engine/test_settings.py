"""Do the settings reach the clients, and are impossible ones refused?"""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from streams.engine import EngineSettings, Security, clients, partition_of
from streams.engine.partitions import murmur2


def settings(**changes) -> EngineSettings:
    return EngineSettings(**{"bootstrap": "a:1, b:2", "group": "g", "state_dir": Path("state"), **changes})


@pytest.fixture
def certificate(tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "1", "-keyout", key,
        "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@pytest.mark.parametrize("make", [clients.member, clients.reader, clients.producer, clients.admin])
def test_security_and_brokers_reach_every_client(make, monkeypatch, certificate):
    """Guards SASL and TLS: the four kinds of client all get the same options."""
    cert, key = certificate
    security = Security(
        protocol="SASL_SSL",
        mechanism="SCRAM-SHA-512",
        username="u",
        password="p",
        ca_file=cert,
        cert_file=cert,
        key_file=key,
    )
    got: dict[str, object] = {}
    for name in ("AIOKafkaConsumer", "AIOKafkaProducer"):
        monkeypatch.setattr(clients.aiokafka, name, lambda *_, **options: got.update(options))
    monkeypatch.setattr(clients, "AIOKafkaAdminClient", lambda **options: got.update(options))
    make(settings(security=security))
    assert got["bootstrap_servers"] == ["a:1", "b:2"]
    assert (got["security_protocol"], got["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (got["sasl_plain_username"], got["sasl_plain_password"]) == ("u", "p")
    assert isinstance(got["ssl_context"], ssl.SSLContext)
    assert got["ssl_context"].verify_mode == ssl.CERT_REQUIRED and got["ssl_context"].check_hostname


@pytest.mark.parametrize("make", [clients.member, clients.reader, clients.producer, clients.admin])
async def test_clients_accept_the_options(make):
    """Guards the pin: the installed aiokafka knows every option the engine passes."""
    security = Security(protocol="SASL_SSL", mechanism="PLAIN", username="u", password="p")
    client = make(settings(security=security))
    await (client.close() if hasattr(client, "close") else client.stop())


def test_a_password_is_never_shown():
    """Guards secrets: settings may be logged."""
    security = Security(protocol="SASL_PLAINTEXT", username="u", password="very-secret")
    assert "very-secret" not in repr(settings(security=security))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"bootstrap": ""}, "bootstrap"),
        ({"heartbeat_seconds": 8.0}, "heartbeat_seconds"),
        ({"chunk_records": 0}, "chunk_records"),
        ({"batch_bytes": 9 << 20}, "batch_bytes"),
        ({"linger_seconds": 0.05}, "linger_seconds"),
    ],
)
def test_impossible_settings_are_refused(broken, says):
    """Guards the start: a wrong setting is named."""
    with pytest.raises(ValueError, match=says):
        settings(**broken)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"protocol": "SASL_SSL"}, "username"),
        ({"protocol": "SSL", "cert_file": Path("c")}, "key_file"),
        ({"ca_file": Path("c")}, "PLAINTEXT"),
    ],
)
def test_security_that_does_not_fit_together_is_refused(broken, says):
    """Guards the start: half a credential is named."""
    with pytest.raises(ValueError, match=says):
        Security(**broken)


@pytest.mark.parametrize(
    ("key", "hashed"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536), (b"abc", 479470107)],
)
def test_murmur2_is_kafkas(key, hashed):
    """Guards the partitioner: values from Kafka's own UtilsTest."""
    assert murmur2(key) == hashed & 0xFFFFFFFF


def test_partition_of_stays_inside():
    """Guards the partitioner: never negative, every partition reachable."""
    assert {partition_of(b"c%d" % i, 12) for i in range(1000)} == set(range(12))


def test_faust_imported_first_is_refused():
    """Guards NO_CYTHON: the engine says so at start instead of failing at the first record."""
    code = (
        "import faust, faust.streams, faust.transport.conductor\n"
        "from pathlib import Path\nfrom streams.engine import EngineSettings, create_app\n"
        "create_app(EngineSettings(bootstrap='x:1', group='g', state_dir=Path('s')))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PATH": ""}, timeout=60)
    assert "NO_CYTHON=1 must be set before faust is imported" in result.stderr
