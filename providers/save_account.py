"""Setting an account up: the one way from a form or an accounts file to a row.

Called by the account form (`forms.AccountForm`), which the admin and the accounts file both fill.
Stored credentials belong to one address: they are forgotten when the address, the provider or the
certificate authority changes, or whoever may edit an account could send them to a server of their
own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from providers.adapter import Adapter
from providers.models import Health, ProviderAccount
from providers.sealing import SealError

PLAIN = ("name", "group", "poll_every", "enabled")


@dataclass(frozen=True, kw_only=True)
class AccountDraft:
    """What an account is to become. `credentials` holds newly typed ones; a stored one that is
    neither typed again nor in `removed` stays, while the address does."""

    provider: str
    settings: Mapping[str, Any]
    credentials: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    authority: str = ""
    """The certificate authority, as `forms.AuthorityField` cleans it."""


@dataclass(frozen=True)
class Change:
    """One difference, in words without secrets."""

    what: str
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        if self.what.startswith("credentials."):
            return f"{self.what} {self.after}"
        return f"{self.what}: {_shown(self.before)} -> {_shown(self.after)}"


def moves(stored: ProviderAccount | None, draft: AccountDraft) -> bool:
    """Whether the draft points the stored account at another provider or address."""
    if stored is None:
        return False
    if stored.provider != draft.provider:
        return True
    return any(
        stored.settings.get(key, "") != draft.settings.get(key, "")
        for key in _address_keys(stored.adapter_class)
    )


def forgets(stored: ProviderAccount | None, draft: AccountDraft) -> bool:
    """Whether stored credentials are for somebody else than the draft would send them to: it moves
    the account, or believes another authority about who answers there."""
    return moves(stored, draft) or (
        stored is not None and stored.certificate_authority != draft.authority
    )


def credentials_after(stored: ProviderAccount | None, draft: AccountDraft) -> dict[str, str]:
    """The complete set that the draft leaves. Raises SealError where it would leave a stored one
    that does not open."""
    kept = {} if stored is None or forgets(stored, draft) else _opened(stored, draft)
    merged = {**kept, **{key: value for key, value in draft.credentials.items() if value}}
    return {key: value for key, value in merged.items() if key not in draft.removed}


def trial_account(stored: ProviderAccount | None, draft: AccountDraft) -> ProviderAccount:
    """An unsaved account as the draft would leave it, good for one connection."""
    account = ProviderAccount(
        provider=draft.provider,
        settings=dict(draft.settings),
        certificate_authority=draft.authority,
    )
    account.set_credentials(credentials_after(stored, draft), by="")
    return account


@transaction.atomic
def set_up(account: ProviderAccount, draft: AccountDraft, *, by: str) -> list[Change]:
    """Save the account (its name, group, interval and `enabled` as they stand on it) with the
    draft, and let polling begin anew where it matters. Returns what changed.

    Only the columns of a setup are written: the poller writes the others at the same time.
    """
    stored = _locked(account)
    changes = _plain_changes(stored, account) + _settings_changes(stored, draft)
    account.provider, account.settings = draft.provider, dict(draft.settings)
    account.certificate_authority = draft.authority
    if stored is None:
        account.save()  # a seal names the row's number
    changes += _change_credentials(account, stored, draft, by)
    written = [
        *PLAIN, "provider", "settings", "certificate_authority", "sealed_credentials",
        "credential_notes",
    ]  # fmt: skip
    if moves(stored, draft):
        account.memory, account.covered_since = {}, None
        written += ["memory", "covered_since"]
    if stored is not None and any(change.what not in PLAIN for change in changes):
        # A poll under way ends without a word: it was for the account as it used to be.
        account.revision, account.lease_until = stored.revision + 1, None
        account.quiet_until = None  # whom the provider asked to wait was another
        written += ["revision", "lease_until", "quiet_until"]
    if any(change.what in ("enabled", "provider") or "." in change.what for change in changes):
        written += begin_anew(account, timezone.now())
    account.save(update_fields=written)
    return changes


def same_runs(accounts: Iterable[ProviderAccount]) -> dict[int, list[ProviderAccount]]:
    """By number, each enabled account that reads the very same runs as others of these, with those
    others: same provider, address and credentials. Opens credentials only where the rest agrees."""
    alike: dict[Any, list[ProviderAccount]] = {}
    for account in accounts:
        if account.enabled and (place := _place(account)) is not None:
            alike.setdefault(place, []).append(account)
    several = [account for group in alike.values() if len(group) > 1 for account in group]
    asked = {account.pk for account in several if account.pk}
    rows = ProviderAccount.objects.only("sealed_credentials")
    sealed = rows.in_bulk(asked) if asked else {}
    keyed: dict[Any, list[ProviderAccount]] = {}
    for account in several:
        row = sealed.get(account.pk) if account.pk else account
        if row is not None:
            with suppress(SealError):
                key = (_place(account), frozenset(row.credentials().items()))
                keyed.setdefault(key, []).append(account)
    return {
        account.pk: [other for other in group if other.pk != account.pk]
        for group in keyed.values()
        for account in group
        if len(group) > 1
    }


def twins_of(account: ProviderAccount) -> list[ProviderAccount]:
    """The other saved accounts that read the very same runs as this one."""
    others = ProviderAccount.objects.filter(provider=account.provider).exclude(pk=account.pk)
    return same_runs([account, *others]).get(account.pk, [])


def twin_warning(twins: Sequence[ProviderAccount]) -> str:
    """What follows from them, as a sentence; "" where there are none."""
    if not twins:
        return ""
    names = ", ".join(twin.name for twin in twins)
    has = "has" if len(twins) == 1 else "have"
    return f"{names} {has} the same address and credentials: every run is there twice. Disable one."


def _place(account: ProviderAccount) -> Any:
    """Where its runs are, by what has to be set: None where the provider is gone."""
    try:
        fields = account.adapter_class.settings
    except KeyError:
        return None
    named = [item for item in fields if not item.secret and (item.required or item.kind == "url")]
    values = [str(account.settings.get(item.key) or item.default) for item in named]
    return (account.provider, *values)


def _locked(account: ProviderAccount) -> ProviderAccount | None:
    if account.pk is None:
        return None
    return ProviderAccount.objects.select_for_update().get(pk=account.pk)


def _address_keys(adapter: type[Adapter]) -> list[str]:
    return [item.key for item in adapter.settings if item.kind == "url"]


def begin_anew(account: ProviderAccount, now: datetime) -> list[str]:
    """As an account that was never polled, due at once. Returns the columns to save."""
    account.health = Health.NEW if account.enabled else Health.PAUSED
    account.health_since = account.next_poll_at = now
    account.failures, account.last_error = 0, ""
    return ["health", "health_since", "next_poll_at", "failures", "last_error"]


def _plain_changes(stored: ProviderAccount | None, account: ProviderAccount) -> list[Change]:
    """A new account's name and defaults are no news."""
    old = stored or ProviderAccount(name=account.name)
    changes = []
    for name in PLAIN:
        before, after = getattr(old, name), getattr(account, name)
        if before != after:
            changes.append(Change(name, _plain(before), _plain(after)))
    return changes


def _settings_changes(stored: ProviderAccount | None, draft: AccountDraft) -> list[Change]:
    old: Mapping[str, Any] = stored.settings if stored else {}
    changes = []
    if stored is None or stored.provider != draft.provider:
        changes.append(Change("provider", stored and stored.provider, draft.provider))
    for key in sorted({*old, *draft.settings}):
        before, after = old.get(key, ""), draft.settings.get(key, "")
        if before != after:
            changes.append(Change(f"settings.{key}", before, after))
    before, after = (stored.certificate_authority if stored else ""), draft.authority
    if before != after:
        changes.append(Change("settings.certificate_authority", _mark(before), _mark(after)))
    return changes


def _mark(authority: str) -> str:
    """By which two authorities are told apart, short enough for the audit log."""
    return f"sha256 {hashlib.sha256(authority.encode()).hexdigest()[:16]}" if authority else ""


def _change_credentials(
    account: ProviderAccount, stored: ProviderAccount | None, draft: AccountDraft, by: str
) -> list[Change]:
    """Seal what the draft leaves on `account`. The changes hold words, never values."""
    if stored is not None:
        account.sealed_credentials = stored.sealed_credentials
        account.credential_notes = stored.credential_notes
    if not (draft.credentials or draft.removed or forgets(stored, draft)):
        return []
    old = _opened(stored, draft) if stored else {}
    new = credentials_after(stored, draft)
    changes = [
        Change(f"credentials.{key}", after="set" if key in new else "removed")
        for key in sorted({*old, *new, *account.credential_notes})
        if old.get(key) != new.get(key) or (key not in old and key not in new)
    ]
    if changes:
        if not old:
            account.sealed_credentials = ""  # nothing there, or nothing that still opens
        account.set_credentials(new, by)
    return changes


def _opened(stored: ProviderAccount, draft: AccountDraft) -> dict[str, str]:
    """The stored set. One that does not open any more is lost as soon as a person types anew."""
    try:
        return stored.credentials()
    except SealError:
        if draft.credentials or draft.removed or forgets(stored, draft):
            return {}
        raise


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | bool | None) else str(value)


def _shown(value: Any) -> str:
    return "nothing" if value in (None, "") else str(value)
