"""The command palette: go to anything by a few letters."""
