"""The wallboard and the charts."""
