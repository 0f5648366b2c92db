"""Records of a provider that could not be stored."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from providers.contract import MAX_REF
from providers.models import ProviderAccount


class Quarantine(models.Model):
    """A record that could not be stored. The rest of its batch was."""

    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE)
    ref = models.CharField(max_length=MAX_REF)
    reason = models.CharField(max_length=300)
    excerpt = models.TextField(default="")
    """The first 2,000 characters of the record."""
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    count = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name_plural = "quarantine"
        constraints = [models.UniqueConstraint(fields=["account", "ref"], name="quarantine_key")]

    def __str__(self) -> str:
        return f"{self.account}: {self.ref}"
