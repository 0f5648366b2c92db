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
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_newest"),
            models.Index(fields=["actor", "-at", "-id"], name="audit_actor"),
            models.Index(fields=["account_name", "-at", "-id"], name="audit_account"),
            models.Index(fields=["action", "-at", "-id"], name="audit_action"),
            models.Index(fields=["target"], name="audit_target"),
            models.Index(
                fields=["command_key"],
                name="audit_command",
                condition=models.Q(command_key__isnull=False),
            ),
        ]

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


class AuditCheck(models.Model):
    """How far the log was read to see that it is as it was written; one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    begun_at = models.DateTimeField(default=timezone.now)
    """When it was last begun from its first entry."""
    checked_at = models.DateTimeField(null=True)
    is_whole = models.BooleanField(default=False)
    """Whether it has come to the end since."""
    number = models.BigIntegerField(default=0)
    """Of the seal that it has come to, with that seal's entry and hash."""
    entry = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="", blank=True)
    verified_number = models.BigIntegerField(default=0)
    """Of the last seal that was ever found intact, with its entry and hash."""
    verified_entry = models.BigIntegerField(default=0)
    verified_hash = models.CharField(max_length=64, default="", blank=True)
    verified_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, default="", blank=True)
    problem_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"read to {self.number}"

    @property
    def reached(self) -> AuditSeal | None:
        if not self.number:
            return None
        return AuditSeal(number=self.number, entry=self.entry, hash=self.hash)
