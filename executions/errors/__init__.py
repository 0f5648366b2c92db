"""The same error in many runs."""
