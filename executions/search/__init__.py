"""Filters, and every query behind a list."""
