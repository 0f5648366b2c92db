"""The JSON API under /api/v1/: the same rows and the same permissions as the pages."""
