"""Accounts as code: a YAML file filled into the same form as the admin's, all or nothing.

Called by `manage.py accounts apply`. Every problem of the file is reported at once, each with its
line and field; nothing is saved unless there is none. What an entry does not name stays as it is; a
`settings` or `credentials` mapping, or a list of `keys`, that it does name is the complete one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction

from executions.access import audit_log
from executions.accounts.account_audit import record
from executions.accounts.yaml_parser import RULE_KEYS, BadFile, Entry, read
from executions.models import CorrelationRule
from executions.storage import key_backfill
from providers import forms, save_account
from providers.models import ProviderAccount
from providers.registry import all_adapters

ENV = "env:"


@dataclass(frozen=True)
class Applied:
    """One account after the file: what changed, without secrets."""

    account: ProviderAccount
    is_new: bool
    changes: list[save_account.Change]
    warning: str = ""

    def __str__(self) -> str:
        if not self.changes:
            return f"unchanged {self.account.name}"
        word = "added" if self.is_new else "changed"
        return f"{word} {self.account.name}: {'; '.join(map(str, self.changes))}"


def apply(text: str, environ: Mapping[str, str] = os.environ) -> list[Applied]:
    """One transaction. Raises BadFile."""
    entries = read(text)
    with transaction.atomic():
        filled = [(entry, fill(entry, environ)) for entry in entries]
        problems = [problem for entry in entries for problem in entry.problems]
        if problems:
            raise BadFile(problems)
        applied = [_save(entry, form) for entry, form in filled if form is not None]
        return [replace(one, warning=_warning(one.account)) for one in applied]


def _warning(account: ProviderAccount) -> str:
    warning = save_account.twin_warning(save_account.twins_of(account))
    return f"{account.name}: {warning}" if warning else ""


def _save(entry: Entry, form: forms.AccountForm) -> Applied:
    is_new = form.instance.pk is None
    changes = form.set_up(by="accounts file")
    if "keys" in entry.values:
        changes += _save_rules(form.instance, entry.values["keys"])
    if changes:
        action = audit_log.Action.ACCOUNT_ADDED if is_new else audit_log.Action.ACCOUNT_CHANGED
        record("accounts file", form.instance, action, changes)
    return Applied(form.instance, is_new, changes)


def _save_rules(
    account: ProviderAccount, wanted: list[dict[str, str]]
) -> list[save_account.Change]:
    """Make the account's correlation rules these; if they differ, look through stored runs."""
    stored = {_identity(vars(rule)): rule for rule in account.correlation_rules.all()}
    named = {_identity(rule): rule for rule in wanted}
    gone = [rule for identity, rule in stored.items() if identity not in named]
    new = [rule for identity, rule in named.items() if identity not in stored]
    for rule in gone:
        rule.delete()
    for values in new:
        CorrelationRule.objects.create(account=account, **values)
    if gone or new:
        key_backfill.ask(account, key_backfill.MOST_DAYS if gone else key_backfill.DAYS, None)
    removed = [save_account.Change("keys", str(rule), "removed") for rule in gone]
    return removed + [save_account.Change("keys", "", str(CorrelationRule(**rule))) for rule in new]


def _identity(rule: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(rule.get(key, "") for key in RULE_KEYS)


def _check_rules(entry: Entry) -> None:
    for number, rule in enumerate(entry.values.get("keys") or (), 1):
        place = f"keys[{number}]"
        if any(path.startswith(place) for path in entry.blamed):
            continue
        try:
            CorrelationRule(**rule).clean_fields(exclude={"account"})
            CorrelationRule(**rule).clean()
        except ValidationError as error:
            for name, complaints in error.message_dict.items():
                entry.blame(f"{place}.{name}", " ".join(complaints))


def fill(entry: Entry, environ: Mapping[str, str]) -> forms.AccountForm | None:
    """The account form with the entry's values; its complaints become the entry's problems."""
    values = entry.values
    name = values.get("name")
    if not isinstance(name, str) or not name.strip():
        entry.blame("name", "every account needs a name.")
        return None
    entry.place += f" ({name})"
    stored = ProviderAccount.objects.select_for_update().filter(name=name.strip()).first()
    provider = values.get("provider", stored.provider if stored else None)
    if provider not in all_adapters():
        known = ", ".join(all_adapters())
        entry.blame("provider", f"it must be one of: {known}.")
        return None
    form_class = forms.account_form(provider, stored)
    _check_rules(entry)
    data = _plain_data(entry, stored)
    data |= _settings_data(entry, stored, form_class)
    data |= _credentials_data(entry, stored, form_class, environ)
    form = form_class(data, instance=stored or ProviderAccount())
    for field_name, errors in form.errors.items():
        path = _path_of(field_name)
        if path not in entry.blamed:  # one reason per value is enough
            entry.blame(path, " ".join(str(error) for error in errors))
    return form


def _plain_data(entry: Entry, stored: ProviderAccount | None) -> dict[str, Any]:
    values = entry.values
    data: dict[str, Any] = {
        "name": values["name"],
        "enabled": values.get("enabled", stored.enabled if stored else True),
        "poll_every": values.get("poll_every", stored.poll_every if stored else None),
        "group": stored.group_id if stored else None,
        "certificate_authority": values.get(
            "certificate_authority", stored.certificate_authority if stored else ""
        ),
    }
    if not isinstance(data["enabled"], bool):
        entry.blame("enabled", "it must be true or false.")
    if "group" in values:
        group = Group.objects.filter(name=values["group"]).first() if values["group"] else None
        if values["group"] and group is None:
            entry.blame("group", f"there is no group named {values['group']}. Make it first.")
        data["group"] = group.pk if group else None
    return data


def _settings_data(
    entry: Entry, stored: ProviderAccount | None, form_class: type[forms.AccountForm]
) -> dict[str, Any]:
    given: Mapping[str, Any] | None = entry.values.get("settings")
    fields = {item.key: item for item in form_class.adapter.settings}
    if given is None and stored is not None and stored.provider == form_class.provider:
        given = stored.settings
    elif given is not None:
        plain = [key for key, item in fields.items() if not item.secret]
        for key in given:
            if key in fields and fields[key].secret:
                entry.blame(f"settings.{key}", "this is a secret and belongs under credentials.")
            elif key not in fields:
                entry.blame(
                    f"settings.{key}",
                    f"{form_class.adapter.name} has no such setting. It has: {', '.join(plain)}.",
                )
    chosen = {key: item.default for key, item in fields.items() if not item.secret}
    chosen |= {key: value for key, value in (given or {}).items() if key in chosen}
    return {forms.SETTING + key: value for key, value in chosen.items()}


def _credentials_data(
    entry: Entry,
    stored: ProviderAccount | None,
    form_class: type[forms.AccountForm],
    environ: Mapping[str, str],
) -> dict[str, Any]:
    """Any field of the adapter may stand under credentials (a user name beside its password).
    A stored one that the mapping does not name is removed."""
    given: Mapping[str, Any] | None = entry.values.get("credentials")
    if given is None:
        return {}
    fields = {item.key: item for item in form_class.adapter.settings}
    data: dict[str, Any] = {}
    for key, value in given.items():
        if key not in fields:
            known = ", ".join(fields)
            name = form_class.adapter.name
            entry.blame(f"credentials.{key}", f"{name} has no such field. It has: {known}.")
            continue
        prefix = forms.CREDENTIAL if fields[key].secret else forms.SETTING
        data[prefix + key] = _opened(entry, key, value, environ)
    for name in form_class.base_fields:
        key = name.removeprefix(forms.REMOVE)
        if name.startswith(forms.REMOVE) and key not in given:
            data[name] = True
    return data


def _opened(entry: Entry, key: str, value: Any, environ: Mapping[str, str]) -> str:
    """The value, or what the named environment variable holds."""
    if not isinstance(value, str) or not value:
        entry.blame(f"credentials.{key}", "this must be a text (put it in quotes) or env:NAME.")
        return ""
    if not value.startswith(ENV):
        return value
    name = value.removeprefix(ENV)
    if not environ.get(name):
        entry.blame(f"credentials.{key}", f"the environment variable {name} is not set.")
    return environ.get(name, "")


def _path_of(field_name: str) -> str:
    """Where in the file a form field's value stands."""
    for prefix, mapping in (
        (forms.SETTING, "settings."),
        (forms.CREDENTIAL, "credentials."),
        (forms.REMOVE, "credentials."),
    ):
        if field_name.startswith(prefix):
            return mapping + field_name.removeprefix(prefix)
    return "" if field_name == "__all__" else field_name
