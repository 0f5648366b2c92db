"""One row per registered account of a provider: how to reach it, how it is, when it is due.

`open_account` is the only way from a row to a live adapter.
"""

from __future__ import annotations

import threading
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, Group
from django.contrib.auth.models import User as UserRow
from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection, models
from django.db.models import F
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from providers import exact_json, registry, sealing
from providers.adapter import Adapter
from providers.address_policy import Policy
from providers.contract import Pace, Unreachable
from providers.http import Bucket, Gate, Http

BLIND = "This is a blind test: an administrator made the account unreachable on purpose."


class Health(models.TextChoices):
    """How an account is, by its last polls."""

    NEW = "new", "not polled yet"
    OK = "ok", "ok"
    FAILING = "failing", "failing"  # backs off and tries again
    AUTH = "auth", "credentials refused"  # stands still until a person acts
    PAUSED = "paused", "disabled"  # by a person


class AccountQuerySet(models.QuerySet["ProviderAccount"]):
    def visible_to(self, user: UserRow | AnonymousUser) -> AccountQuerySet:
        """Accounts without a group, those of the user's groups, and those that were granted; all
        for a superuser."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        granted = Grant.objects.to(user).covering(models.OuterRef("pk"), models.OuterRef("group"))
        return self.filter(_of_groups(user) | models.Exists(granted))

    def operable_by(self, user: UserRow, *, by_role: bool) -> AccountQuerySet:
        """Those that the user may act on: granted so, and, `by_role`, those that need no grant to
        be seen; all for a superuser."""
        if user.is_superuser:
            return self
        rows = Grant.objects.to(user).filter(level=Level.OPERATE)
        granted = models.Exists(rows.covering(models.OuterRef("pk"), models.OuterRef("group")))
        return self.filter(_of_groups(user) | granted if by_role else granted)

    def visible_to_team(self, team: Group) -> AccountQuerySet:
        """What everybody in the team sees, whatever else each of them does."""
        rows = Grant.objects.filter(team=team)
        granted = models.Exists(rows.covering(models.OuterRef("pk"), models.OuterRef("group")))
        return self.filter(models.Q(group__isnull=True) | models.Q(group=team) | granted)

    def with_granted_teams(self) -> AccountQuerySet:
        """Each with `granted_teams`: ids of the teams that see it by a grant."""
        rows = Grant.objects.covering(models.OuterRef("pk"), models.OuterRef("group"))
        teams = rows.filter(team__isnull=False).values("team")
        return self.annotate(granted_teams=ArraySubquery(teams))


def _of_groups(user: UserRow) -> models.Q:
    return models.Q(group__isnull=True) | models.Q(group__in=user.groups.all())


class ProviderAccount(models.Model):
    name = models.CharField(max_length=100, unique=True)
    provider = models.CharField(max_length=50)
    settings = models.JSONField(default=dict, blank=True)
    sealed_credentials = models.TextField(default="", blank=True, editable=False)
    credential_notes = models.JSONField(default=dict, blank=True, editable=False)
    """Per credential key: when it was set, by whom, its fingerprint. Never the value."""
    enabled = models.BooleanField(default=True)
    group = models.ForeignKey(
        Group,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        help_text="The team that owns this account. Empty: everyone who may sign in sees it. "
        "Grants let other people and teams see it, or act on it.",
    )
    poll_every = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Seconds between two polls while runs are active. Empty: what suits the "
        "provider.",
    )
    certificate_authority = models.TextField(
        default="",
        db_default="",
        blank=True,
        help_text="Of your own, where the provider's certificate was not issued by a public one: "
        "its certificate in PEM (-----BEGIN CERTIFICATE-----). It is trusted for this account "
        "alone.",
    )
    memory = models.JSONField(default=dict, blank=True, editable=False)
    revision = models.PositiveIntegerField(default=1, editable=False)
    """Grows with every change of settings or credentials."""

    health = models.CharField(
        max_length=10, choices=Health.choices, default=Health.NEW, editable=False
    )
    health_since = models.DateTimeField(default=timezone.now, editable=False)
    last_error = models.CharField(max_length=500, default="", blank=True, editable=False)
    last_poll_at = models.DateTimeField(null=True, editable=False)
    last_success_at = models.DateTimeField(null=True, editable=False)
    covered_since = models.DateTimeField(null=True, editable=False)
    """The start of the window that discovery has covered without a gap."""
    clock_skew = models.FloatField(null=True, editable=False)
    """Seconds the provider's clock is ahead of ours."""
    failures = models.PositiveIntegerField(default=0, editable=False)
    poll_seq = models.PositiveBigIntegerField(default=0, editable=False)
    """Number of the newest claim; a slower, older poll may not overwrite its rows."""
    next_poll_at = models.DateTimeField(default=timezone.now, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    lease_backend = models.IntegerField(null=True, editable=False)
    """Process id of the database connection whose poll is under way: it ends with the poller."""
    poll_warnings = models.JSONField(default=dict, db_default={}, blank=True, editable=False)
    """What the last polls found odd, each with `since`: `truncated`, `empty_list`, `words`."""
    quiet_until = models.DateTimeField(null=True, editable=False)
    """Up to when the provider has asked to be left alone: nothing is sent before."""
    blind_until = models.DateTimeField(null=True, editable=False)
    """Up to when an administrator has made this account unreachable on purpose, as a test."""
    blind_by = models.CharField(max_length=150, db_default="", blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    is_view_only = False
    """Whether who asks may look at it alone; set where that was looked up for a person."""

    objects = AccountQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = "provider account"
        indexes = [
            models.Index(
                fields=["next_poll_at"], name="account_due", condition=models.Q(enabled=True)
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def adapter_class(self) -> type[Adapter]:
        """Raises KeyError if the provider's module is gone."""
        return registry.adapter_class(self.provider)

    def poll_interval(self, *, is_busy: bool) -> timedelta:
        """From the end of a good poll to the next; `is_busy` while a run is open."""
        own = timedelta(seconds=self.poll_every) if self.poll_every else None
        try:
            pace = self.adapter_class.pace
        except KeyError:
            pace = Pace()
        if own is None:
            return pace.busy_every if is_busy else pace.idle_every
        return own if is_busy else max(own, min(own * 3, pace.idle_every))

    @property
    def is_blind(self) -> bool:
        """Whether a blind test is on: it ends by itself."""
        return self.blind_until is not None and self.blind_until > timezone.now()

    @property
    def is_quiet(self) -> bool:
        """Whether the provider has asked to be left alone, and that is not over."""
        return self.quiet_until is not None and self.quiet_until > timezone.now()

    @property
    def is_being_polled(self) -> bool:
        """Whether a poll was begun that has not ended; `next_poll_at` is then only the moment from
        which another worker would take it over."""
        return self.lease_until is not None

    @property
    def key_days(self) -> int | None:
        """Days since the oldest stored credential was set; None where none is stored."""
        notes = self.credential_notes.values()
        oldest = min((date.fromisoformat(note["set_on"]) for note in notes), default=None)
        return None if oldest is None else (timezone.now().date() - oldest).days

    @property
    def has_old_key(self) -> bool:
        """Whether it is time to replace a credential."""
        limit: int = settings.ANNUNCIATOR_KEY_DAYS
        return (self.key_days or 0) > limit

    @property
    def seal_context(self) -> str:
        return f"account:{self.pk}"

    def credentials(self) -> dict[str, str]:
        """The opened secrets. Raises SealError."""
        if not self.sealed_credentials:
            return {}
        return dict(sealing.unseal(self.seal_context, self.sealed_credentials))

    def set_credentials(self, values: dict[str, str], by: str) -> None:
        """Seal these (the complete set) on this saved row and note who set which. Not saved."""
        old = self.credentials() if self.sealed_credentials else {}
        today = timezone.now().date().isoformat()
        notes = {key: note for key, note in self.credential_notes.items() if values.get(key)}
        for key, value in values.items():
            if value and value != old.get(key):
                mark = sealing.fingerprint(value)
                notes[key] = {"set_on": today, "by": by, "fingerprint": mark}
        self.credential_notes = notes
        kept = {key: value for key, value in values.items() if value}
        self.sealed_credentials = sealing.seal(self.seal_context, kept) if kept else ""


class Level(models.TextChoices):
    VIEW = "view", "see them, with their runs, questions and errors, and change nothing"
    OPERATE = "operate", "also act on them: answer, start, cancel, retry and the like"


class GrantQuerySet(models.QuerySet["Grant"]):
    def to(self, user: UserRow) -> GrantQuerySet:
        """To this person, and to the teams that they are in."""
        return self.filter(models.Q(person=user) | models.Q(team__in=user.groups.all()))

    def covering(self, account: Any, group: Any) -> GrantQuerySet:
        """Of this account, or of all that belong to its group."""
        if group is None:
            return self.filter(account=account)
        return self.filter(models.Q(account=account) | models.Q(accounts_of=group))


class Grant(models.Model):
    """Lets a person or a team see an account of a team that they are not in, or act on it. Adds to
    what a role and teams give, and takes nothing away."""

    person = models.ForeignKey(
        UserRow, null=True, blank=True, on_delete=models.CASCADE, related_name="grants"
    )
    team = models.ForeignKey(
        Group, null=True, blank=True, on_delete=models.CASCADE, related_name="grants"
    )
    account = models.ForeignKey(
        ProviderAccount, null=True, blank=True, on_delete=models.CASCADE, related_name="grants"
    )
    accounts_of = models.ForeignKey(
        Group,
        verbose_name="every account of",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Those that the team owns now, and those that it will.",
    )
    level = models.CharField("they may", max_length=7, choices=Level.choices, default=Level.VIEW)

    objects = GrantQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(person__isnull=False, team__isnull=True)
                | models.Q(person__isnull=True, team__isnull=False),
                name="grant_to_one",
            ),
            models.CheckConstraint(
                condition=models.Q(account__isnull=False, accounts_of__isnull=True)
                | models.Q(account__isnull=True, accounts_of__isnull=False),
                name="grant_of_one",
            ),
            models.UniqueConstraint(
                fields=["person", "team", "account", "accounts_of"],
                nulls_distinct=False,
                name="one_grant",
            ),
        ]

    def __str__(self) -> str:
        what = f"every account of {self.accounts_of}" if self.accounts_of else str(self.account)
        return f"{self.person or self.team} may {self.level} {what}"


_buckets: dict[tuple[int, float], Bucket] = {}
_buckets_lock = threading.Lock()


def _bucket_for(account: ProviderAccount) -> Bucket:
    rate = account.adapter_class.pace.per_second * settings.ANNUNCIATOR_PACE
    with _buckets_lock:
        return _buckets.setdefault((account.pk or 0, rate), Bucket(rate, burst=rate * 4))


def _gate_of(account: ProviderAccount, fresh_for: float) -> Gate:
    """One for all workers: it stands in the account's row, by the database's clock."""
    every = account.poll_interval(is_busy=True).total_seconds()
    if account.pk is None:
        return Gate(shortest=every)
    mine = ProviderAccount.objects.filter(pk=account.pk)

    def look() -> float:
        left = mine.values_list(F("quiet_until") - Now(), flat=True).first()
        return left.total_seconds() if left else 0.0

    def shut(seconds: float) -> None:
        until = Now() + timedelta(seconds=seconds)
        mine.update(quiet_until=Greatest("quiet_until", until))

    return Gate(look, shut, shortest=every, fresh_for=fresh_for)


def open_account(
    account: ProviderAccount, *, seconds: float | None = None, fresh_for: float = 1.0
) -> Adapter:
    """A live adapter for the account, for one thread and a short while. Raises SealError, or
    Unreachable in a blind test, before anything is sent; its calls raise the errors of the
    contract and nothing else. After `seconds` it sends nothing any more. Every `fresh_for` seconds
    it looks whether the provider has asked another worker to leave the account alone."""
    if account.is_blind:
        raise Unreachable(BLIND, was_sent=False)
    secrets = account.credentials()
    names = {field.key for field in account.adapter_class.settings if field.kind == "email"}
    http = Http(
        Policy.from_cidrs(settings.ANNUNCIATOR_ALLOWED_NETWORKS),
        session_key=(account.pk, account.revision),
        secrets=[value for key, value in secrets.items() if key not in names],
        bucket=_bucket_for(account),
        seconds=seconds,
        authority=account.certificate_authority,
        gate=_gate_of(account, fresh_for),
    )
    config: dict[str, Any] = {**account.settings, **secrets}
    return account.adapter_class(config, http, dict(account.memory))


def remember(account: ProviderAccount, adapter: Adapter) -> None:
    """Keep what the adapter changed in its memory, without secrets, key by key, so that two workers
    do not undo each other. A key set to None is forgotten."""
    memory = adapter.http.secrets.hide_within(dict(adapter.memory))
    patch = {key: value for key, value in memory.items() if account.memory.get(key) != value}
    if not patch:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE providers_provideraccount SET memory = jsonb_strip_nulls(memory || %s::jsonb)"
            " WHERE id = %s",
            [exact_json.written(patch), account.pk],
        )
