"""What belongs to people: how they like their pages, how their programs sign in."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import Group, User
from django.db import models
from django.utils import timezone


class TokenScope(models.TextChoices):
    READ = "read", "reads"
    ACT = "act", "reads and acts"


class ApiToken(models.Model):
    """A bearer token of one person; only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    hash = models.CharField(max_length=64, unique=True)
    label = models.CharField(max_length=100, default="", blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)
    prefix = models.CharField(max_length=12, default="", db_default="", blank=True)
    """How it begins, so that a person knows it again; "" of those made before this was kept."""
    scope = models.CharField(
        max_length=4, choices=TokenScope.choices, default=TokenScope.ACT, db_default="act"
    )
    """Never more than its person may."""
    expires_at = models.DateTimeField(null=True, blank=True)
    """Null: until it is revoked."""
    request_key = models.UUIDField(null=True, unique=True, editable=False)
    """Of the form that made it: a form that is sent twice makes one."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scope__in=[scope.value for scope in TokenScope]),
                name="token_scope",
            )
        ]

    def __str__(self) -> str:
        return self.label or f"token of {self.user}"


class Invitation(models.Model):
    """A link by which somebody becomes a person of the site, once; only its hash is kept."""

    username = models.CharField(max_length=150)
    email = models.EmailField(default="", blank=True)
    role = models.CharField(max_length=20)
    """The names of the groups that the role is made of, with + between."""
    teams = models.ManyToManyField(Group, blank=True, related_name="+")
    hash = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-made_at", "-pk")

    def __str__(self) -> str:
        return self.username

    @property
    def ended_at(self) -> datetime | None:
        """Since when its link opens nothing; None while it does."""
        if self.accepted_at or self.revoked_at:
            return self.accepted_at or self.revoked_at
        return self.expires_at if self.expires_at <= timezone.now() else None


class Preference(models.Model):
    """How one person likes the pages. Comes with the user in one query; absent means defaults."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True)
    zone = models.CharField(max_length=64, default="UTC")
    """Name in the IANA time zone database."""
    is_relative = models.BooleanField(default=True)
    """Times as "4 min ago" instead of the clock, wherever they are not exact."""
    is_compact = models.BooleanField(default=False)
    columns = models.JSONField(default=list, blank=True)
    """Keys of the columns of the table of runs that are not as they come, hidden or shown."""
    has_shortcuts = models.BooleanField(default=True)
    sends_at_once = models.BooleanField(default=False, db_default=False)
    """Answers wait for no undo."""
    has_seen_guide = models.BooleanField(default=False, db_default=False)
    """The first steps above the list were sent away."""
    has_chosen_zone = models.BooleanField(default=False, db_default=False)
    """Or has that of the browser of the first sign-in: it is taken from no browser any more."""
    seen_at = models.DateTimeField(null=True, blank=True)
    """Up to when this person has marked what changed as read: the handover view starts there."""
    default_view = models.ForeignKey(
        "SavedView", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    """What opens when the list is asked for without a query."""

    def __str__(self) -> str:
        return f"preferences of {self.user}"
