"""Shopify: wholesale orders into the shop."""
