"""Klaviyo: events, profiles, consent and erasure."""
