"""Takes what is a secret, or looks like one, out of provider text before it is stored or shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from executions.models import Command
from providers.contract import Verb
from providers.credentials import SealError, unseal
from providers.jsontext import Doubled
from providers.models import ProviderAccount

_NAMED = re.compile(
    r"(?i)\b((?:api[_-]?key|access[_-]?key|token|secret|password|passwd|pwd|authorization|bearer)"
    r"[\"']?\s*[=:]\s*[\"']?|bearer\s+|basic\s+(?=[A-Za-z0-9+/]{8}))([^\s\"',;&}]{3,})"
)
_NAMES = re.compile(
    r"(?i)(api[_-]?key|token|secret|password|passwd|authorization|cookie|credential)"
)

MASK = "[redacted]"


def hiding_answers(
    account: ProviderAccount, refs: Sequence[str], scrub: Callable[[str], str]
) -> Callable[[str], str]:
    """`scrub`, and without the secrets that people typed into questions of these runs: a provider
    may show an answer in the run's own data, and to other accounts of ours as well. One query."""
    answers = Command.objects.filter(
        kind=Verb.ANSWER.value,
        execution__account__in=ProviderAccount.objects.filter(provider=account.provider),
        execution__ref__in=refs,
    )
    secrets: set[str] = set()
    for key, sealed in answers.values_list("key", "sealed_arguments"):
        try:
            secrets |= set(unseal(f"command:{key}", sealed).get("secrets", ()))
        except SealError:  # its key was removed: nobody can read it any more
            continue
    return without(secrets, scrub) if secrets else scrub


def without(secrets: set[str], scrub: Callable[[str], str] = str) -> Callable[[str], str]:
    """`scrub`, and without these values, as they are and as JSON writes them. Values of three
    characters or less would take half of every text with them."""
    long = sorted((secret for secret in secrets if len(secret) > 3), key=len, reverse=True)
    forms = [
        form for secret in long for form in (secret, json.dumps(secret, ensure_ascii=False)[1:-1])
    ]

    def hide(text: str) -> str:
        for form in forms:
            text = text.replace(form, MASK)
        return scrub(text)

    return hide


def redact_text(text: str) -> str:
    """`token=abc123` becomes `token=[redacted]`."""
    return _NAMED.sub(lambda match: match.group(1) + MASK, text) if text else text


@lru_cache(4096)
def is_secret_name(name: str) -> bool:
    return bool(_NAMES.search(name))


def redact_value(value: object) -> object:
    """A JSON value with the values of secret-looking keys masked, and texts redacted."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, list | tuple):
        return [redact_value(item) for item in value]
    if isinstance(value, dict):
        redacted = {
            key: MASK
            if is_secret_name(str(key)) and isinstance(item, str | int | float) and item != ""
            else redact_value(item)
            for key, item in value.items()
        }
        return Doubled(redacted, value.twice) if isinstance(value, Doubled) else redacted
    return value
