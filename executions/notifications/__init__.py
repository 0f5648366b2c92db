"""Notification rules: evaluated over stored runs, composed into messages, delivered."""
