"""The wall on a screen of its own: read only, without a person, through nights and restarts."""
