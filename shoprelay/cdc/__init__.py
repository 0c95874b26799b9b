"""`shoprelay cdc`: Debezium's engine in a process of ours, for shops that have no Kafka Connect."""
