"""A simulator of Generio, written from its documentation alone."""
