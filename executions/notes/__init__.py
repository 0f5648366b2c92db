"""Notes on runs and workflows: written, pinned, deleted."""
