"""What belongs to people: what they did, and how their programs sign in."""

from __future__ import annotations

from django.contrib.auth.models import User
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


class ApiToken(models.Model):
    """A bearer token of one person; only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    hash = models.CharField(max_length=64, unique=True)
    label = models.CharField(max_length=100, default="", blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.label or f"token of {self.user}"
