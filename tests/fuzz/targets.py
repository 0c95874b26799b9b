"""All targets there are, by name."""

from tests.fuzz import backfill, changes, codec, webhooks

TARGETS = {**webhooks.TARGETS, **changes.TARGETS, **backfill.TARGETS, **codec.TARGETS}
