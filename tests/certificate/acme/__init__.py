"""Acme: a made-up platform that declares everything a sink can declare. The certificate is tried on it."""
