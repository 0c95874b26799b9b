"""All targets there are, by name."""

from tests.fuzz import backfill, changes, codec, outbox, webhooks

TARGETS = {**webhooks.TARGETS, **changes.TARGETS, **outbox.TARGETS, **backfill.TARGETS, **codec.TARGETS}
