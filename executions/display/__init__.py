"""How statuses, times and provider text are shown."""
