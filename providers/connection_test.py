"""Test connection: whose credentials these are, what they see, what the account can do.

Called by the admin with typed values that are not saved, and by `manage.py accounts check`. It is
the one place where a person waits for a provider. Answers are coarse and rationed: whoever may
type addresses could otherwise use this as a port scanner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache

from providers.adapter import Adapter
from providers.contract import ProviderError, Verb
from providers.models import Health, ProviderAccount, open_account
from providers.sealing import SealError

TRIES_PER_MINUTE = 5  # of one person
REST = 5  # seconds between two tests of a saved account

VERBS = {
    Verb.ANSWER: "answer questions",
    Verb.CANCEL: "cancel a run",
    Verb.SUSPEND: "suspend a run",
    Verb.RESUME: "resume a run",
    Verb.RETRY: "retry a run",
    Verb.START: "start a run",
}
OTHER_ABILITIES: tuple[tuple[Callable[..., Any], str], ...] = (
    (Adapter.log, "provide logs"),
    (Adapter.open_output, "provide documents"),
    (Adapter.workflows, "list its workflows"),
    (Adapter.hints, "report changes at once"),
)
ADVICE = {
    "unreachable": "Check the address, and whether this machine may reach it.",
    "rate_limited": "Wait a little and test again.",
    "auth": "Check the credentials: they may have expired or lack a permission.",
    "not_found": "Check the address: something answers there, but not this API.",
    "bad_response": "Check the address: what answers there does not look like this provider.",
    "rejected": "Check the settings.",
    "unsupported": "This provider cannot be tested.",
}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of a test, in sentences for a person."""

    is_ok: bool
    says: str
    advice: str = ""
    can: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    warning: str = ""


def try_account(account: ProviderAccount) -> Trial:
    """One `check` with the account as it stands, saved or not."""
    try:
        says = open_account(account).check()
    except ProviderError as error:
        return Trial(is_ok=False, says=sentence(error), advice=ADVICE.get(error.code, ""))
    except SealError as error:
        return Trial(is_ok=False, says=str(error), advice="Type the credentials again.")
    can, cannot = abilities(account.adapter_class)
    return Trial(is_ok=True, says=says, can=can, cannot=cannot)


def sentence(error: ProviderError) -> str:
    """The error without what the other side sent, unless it explains a refusal."""
    text = str(error)
    if error.detail and error.code not in ("auth", "rejected"):
        text = text.replace(f": {error.detail}", ".")
    return text if text.endswith((".", "!", "?")) else f"{text}."


def abilities(adapter: type[Adapter]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What accounts of this provider can do and what not, in plain words."""
    verbs = [
        (words, verb in adapter.verbs(), adapter.notes.get(verb, ""))
        for verb, words in VERBS.items()
    ]
    others = [(words, adapter.can(method), "") for method, words in OTHER_ABILITIES]
    both = verbs + others
    can = tuple(
        f"{words} ({note.rstrip('.')})" if note else words for words, able, note in both if able
    )
    return can, tuple(words for words, able, _ in both if not able)


def may_try(person: str) -> bool:
    """Whether this person has tests left in the minute of the first one. Counts the call."""
    key = f"account-trial:{person}"
    if cache.add(key, 1, timeout=60):
        return True
    try:
        return cache.incr(key) <= TRIES_PER_MINUTE
    except ValueError:  # the minute ended between the two
        return True


def try_stored(account: ProviderAccount) -> Trial:
    """One `check` of a saved account, at most every few seconds, whoever asks."""
    if not cache.add(f"stored-trial:{account.pk}", 1, timeout=REST):
        says = f"It was tested a moment ago. Try again in {REST} seconds."
        return Trial(is_ok=False, says=says, advice="Nothing was sent.")
    return try_account(account)


def what_to_do(account: ProviderAccount) -> str:
    """What an account's health asks of a person; "" where it asks nothing."""
    if account.health == Health.AUTH:
        return (
            "Polling has stopped. Enter new credentials and save, or fix them at the provider and "
            "press Poll now."
        )
    if account.health == Health.FAILING:
        return (
            "Polling continues automatically, at growing intervals. The last known data stays "
            "visible with its age. If polls keep failing, test the connection."
        )
    if account.health == Health.PAUSED:
        return "The account is disabled. Enable it to poll it again."
    return ""
