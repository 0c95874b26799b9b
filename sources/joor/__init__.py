"""JOOR: wholesale orders that were approved there."""
