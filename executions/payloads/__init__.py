"""Pure functions over provider text and JSON. No Django."""
