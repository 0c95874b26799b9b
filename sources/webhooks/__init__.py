"""Webhooks: a shop system posts its own JSON, and each folder here says which events it means."""
