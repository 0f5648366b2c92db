"""What changed since a person was last here."""
