"""A simulator of flow8, written from its documentation alone."""
