"""The worker's agents: ingest hears, fold thinks, deadlines let time pass. Thinking itself is in `streams.domain`."""
