"""The thinking: what a customer's log means. Pure: no clock, no randomness, no I/O; imports only `schemas`."""
