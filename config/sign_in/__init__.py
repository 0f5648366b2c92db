"""Signing in: OpenID providers, their file, and what the site makes of django-allauth."""
