"""Addresses under which the wall is shown on a screen that nobody signs in at."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import Group, User
from django.db import models
from django.utils import timezone

MAX_NAME = 80


class WallLink(models.Model):
    """A read-only address of the wall; only the hash of its secret is kept."""

    name = models.CharField(max_length=MAX_NAME)
    """Of the screen: `Control room`."""
    hash = models.CharField(max_length=64, unique=True)
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.CASCADE)
    """The team whose accounts the screen shows; without one, every account."""
    zone = models.CharField(max_length=64, default="UTC")
    """Name in the IANA time zone database."""
    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    """When a screen last asked, to the minute."""

    class Meta:
        ordering = ("name", "pk")

    def __str__(self) -> str:
        return self.name

    @property
    def ended_at(self) -> datetime | None:
        """Since when it is no longer valid; None while it is."""
        if self.revoked_at:
            return self.revoked_at
        is_over = self.expires_at is not None and self.expires_at <= timezone.now()
        return self.expires_at if is_over else None
