"""The front door: command line, settings, logs, health, demo. Only this room reads the environment and the clock."""
