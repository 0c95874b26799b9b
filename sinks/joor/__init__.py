"""JOOR: wholesale customers, styles and stock."""
