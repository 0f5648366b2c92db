"""Stores snapshots; roll-ups, backfill and retention."""
