"""Has a sink tell everything known once more: takes away the mark that says how far it was told."""

from __future__ import annotations

from confluent_kafka import KafkaException, Producer

from shoprelay.connections import librdkafka_of, names_of
from shoprelay.settings import Account, Configuration
from shoprelay.terminal import fail
from streams.delivery.mass import MASS
from streams.delivery.registration import OWNED

ACK_SECONDS = 30.0


def retell(configuration: Configuration, account: Account) -> None:
    """Durable when it returns. A sink that runs meanwhile writes its mark again: it has to be started anew."""
    topic = names_of(configuration).kept(account.name).name
    refused: list[str] = []
    kafka = librdkafka_of(configuration.settings.kafka)
    producer = Producer({**kafka, "enable.idempotence": True, "log_level": 0})
    try:
        producer.produce(
            topic, None, key=MASS, partition=OWNED,
            on_delivery=lambda error, record: refused.append(error.str()) if error else None,
        )  # fmt: skip
    except KafkaException as error:
        fail([f"{topic}: {error.args[0].str()}"])
    left = producer.flush(ACK_SECONDS)
    if left or refused:
        fail([f"{topic}: {refused[0] if refused else 'the broker did not answer in 30 s'}"])
