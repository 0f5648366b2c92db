"""Lists that people keep: a filter with its order, page size and columns, under a name."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import models


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, user: User | AnonymousUser) -> SavedViewQuerySet:
        """One's own, those of one's teams, and those for everybody."""
        shared = models.Q(audience=SavedView.EVERYBODY) | models.Q(
            audience=SavedView.TEAM, group__in=user.groups.all()
        )
        return self.filter(models.Q(owner=user.pk) | shared)


class SavedView(models.Model):
    PRIVATE, TEAM, EVERYBODY = "private", "team", "everybody"
    AUDIENCES = ((PRIVATE, "only me"), (TEAM, "a team"), (EVERYBODY, "everybody"))

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=80)
    query = models.TextField(blank=True, default="")
    """As the address of the list has it, without question mark, view and place."""
    columns = models.JSONField(default=list, blank=True)
    """As `Preference.columns`."""
    audience = models.CharField(max_length=10, choices=AUDIENCES, default=PRIVATE)
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.CASCADE)
    changed_at = models.DateTimeField(auto_now=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ("name", "pk")
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="view_name"),
            models.CheckConstraint(
                condition=models.Q(audience__in=["private", "team", "everybody"]),
                name="view_audience",
            ),
            models.CheckConstraint(
                condition=models.Q(audience="team", group__isnull=False)
                | (~models.Q(audience="team") & models.Q(group__isnull=True)),
                name="view_team",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def is_of(self, user: Any) -> bool:
        return bool(self.owner_id == user.pk)
