"""The audit log: who did what, each entry sealed with the hash of the one before it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class AuditEntry(models.Model):
    """Who did what, when, with what result. A trigger refuses updates and deletes."""

    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=60)
    account_name = models.CharField(max_length=100, default="", blank=True)
    target = models.CharField(max_length=300, default="", blank=True)
    detail = models.JSONField(default=dict, blank=True)
    command_key = models.UUIDField(null=True)
    address = models.GenericIPAddressField(null=True)

    class Meta:
        ordering = ("-at", "-id")
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["-at", "-id"], name="audit_newest")]

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.target}"


class AuditSeal(models.Model):
    """The hash of one audit entry and of the seal before it. The database writes it as the entry is
    committed; see the migration 0020."""

    number = models.BigIntegerField(primary_key=True)
    """From 1, without a gap."""
    entry = models.BigIntegerField(unique=True)
    """Id of the entry; no foreign key, so that an entry that was removed leaves its seal."""
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"
