"""librdkafka's mock cluster, reached in the shared library that the confluent-kafka wheel carries."""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, c_char_p, c_int, c_int16, c_int32, c_size_t, c_void_p
from pathlib import Path

import confluent_kafka

_SIGNATURES: dict[str, tuple[object, list[object]]] = {
    "rd_kafka_conf_new": (c_void_p, []),
    "rd_kafka_conf_set": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, c_size_t]),
    "rd_kafka_new": (c_void_p, [c_int, c_void_p, c_char_p, c_size_t]),
    "rd_kafka_destroy": (None, [c_void_p]),
    "rd_kafka_err2str": (c_char_p, [c_int]),
    "rd_kafka_mock_cluster_new": (c_void_p, [c_void_p, c_int]),
    "rd_kafka_mock_cluster_destroy": (None, [c_void_p]),
    "rd_kafka_mock_cluster_bootstraps": (c_char_p, [c_void_p]),
    "rd_kafka_mock_topic_create": (c_int, [c_void_p, c_char_p, c_int, c_int]),
    "rd_kafka_mock_set_controller_id": (c_int, [c_void_p, c_int32]),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [c_void_p, c_int32]),
    "rd_kafka_mock_push_request_errors_array": (None, [c_void_p, c_int16, c_size_t, POINTER(c_int)]),
    "rd_kafka_mock_clear_request_errors": (None, [c_void_p, c_int16]),
    "rd_kafka_mock_broker_set_down": (c_int, [c_void_p, c_int32]),
    "rd_kafka_mock_broker_set_up": (c_int, [c_void_p, c_int32]),
    "rd_kafka_mock_broker_set_rtt": (c_int, [c_void_p, c_int32, c_int]),
}
_PRODUCER = 0


class NoBroker(Exception):
    """The embedded broker cannot be had on this machine, or has ended. The message says why and what to do."""


def _candidates(package: Path) -> list[Path]:
    """Linux wheels keep it beside the package (`confluent_kafka.libs`), macOS ones inside it (`.dylibs`)."""
    folders = (package.with_name("confluent_kafka.libs"), package / ".dylibs", package)
    return [path for folder in folders if folder.is_dir() for path in sorted(folder.glob("librdkafka*"))]


def load() -> ctypes.CDLL:
    """The library with its functions declared. Raises `NoBroker`."""
    package = Path(confluent_kafka.__file__).parent
    found = _candidates(package)
    if not found:
        raise NoBroker(
            f"no librdkafka beside {package} ({sys.platform}): install confluent-kafka from a wheel, "
            "or set SHOPRELAY_KAFKA to a real Kafka"
        )
    try:
        library = ctypes.CDLL(str(found[0]))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as unusable:
        raise NoBroker(
            f"{found[0].name} has no mock cluster: {unusable}; install the pinned confluent-kafka, "
            "or set SHOPRELAY_KAFKA to a real Kafka"
        ) from None
    return library


class MockCluster:
    """A running cluster of `brokers` brokers, ids from 1. Lives in this process until `close`."""

    def __init__(self, brokers: int = 1, rebalance_delay_ms: int = 100) -> None:
        self._library = load()
        self._brokers = brokers
        reason = ctypes.create_string_buffer(512)
        conf = self._library.rd_kafka_conf_new()
        self._library.rd_kafka_conf_set(conf, b"log_level", b"0", reason, len(reason))
        self._client = self._library.rd_kafka_new(_PRODUCER, conf, reason, len(reason))
        self._cluster = self._client and self._library.rd_kafka_mock_cluster_new(self._client, brokers)
        if not self._cluster:
            raise NoBroker(f"librdkafka would not start its mock cluster: {reason.value.decode()}")
        self._library.rd_kafka_mock_set_controller_id(self._cluster, 1)
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, rebalance_delay_ms)

    @property
    def bootstrap(self) -> str:
        return bytes(self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)).decode()

    def topic(self, name: str, partitions: int) -> None:
        """Raises ValueError if there is one already or the count is no count."""
        if partitions < 1:
            raise ValueError(f"{name}: {partitions} partitions; at least 1 is needed")
        copies = min(3, self._brokers)
        self._must(self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, copies), name)

    def errors(self, api_key: int, codes: list[int]) -> None:
        """The next requests of this kind are answered with these codes, one each; -195 closes the connection."""
        array = (c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, api_key, len(codes), array)

    def clear(self, api_key: int) -> None:
        self._library.rd_kafka_mock_clear_request_errors(self._cluster, api_key)

    def down(self, broker: int) -> None:
        self._must(self._library.rd_kafka_mock_broker_set_down(self._cluster, broker), f"broker {broker}")

    def up(self, broker: int) -> None:
        self._must(self._library.rd_kafka_mock_broker_set_up(self._cluster, broker), f"broker {broker}")

    def rtt(self, milliseconds: int, broker: int) -> None:
        self._must(self._library.rd_kafka_mock_broker_set_rtt(self._cluster, broker, milliseconds), f"broker {broker}")

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)

    def _must(self, code: int, what: str) -> None:
        if code:
            raise ValueError(f"{what}: {self._library.rd_kafka_err2str(code).decode()}")
