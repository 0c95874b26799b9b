"""The collector: what shops post is checked, appended to `webhooks` as it came, and only then answered."""
