"""What a person has taken on, or was given, in one place."""
