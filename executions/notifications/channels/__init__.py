"""The services that messages go out through."""
