"""A simulator of 8x8 Automation, written from its documentation alone."""
