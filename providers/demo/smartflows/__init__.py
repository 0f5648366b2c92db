"""A simulator of Smart Flows, written from its documentation alone."""
