"""One business key through many engines."""
