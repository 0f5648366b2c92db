"""Publishes what changed to open pages, and wakes workers."""
