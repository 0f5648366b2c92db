"""One run beside the list of runs."""
