"""The file of OpenID providers (ANNUNCIATOR_SIGN_IN): its shape, and what their groups give.

Read by the settings, before Django is loaded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from executions.access.roles import ROLES
from providers.address_policy import clean_base_url

ENV = "env:"
SCOPES = ("openid", "profile", "email")
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,38}")
NEEDED = ("id", "name", "issuer", "client_id", "client_secret", "contact", "groups")
KEYS = frozenset(
    {*NEEDED, "groups_claim", "scopes", "match_email", "second_factor", "certificate_authority"}
)
ACCESS_KEYS = frozenset({"roles", "teams", "superuser"})


class BadFile(ValueError):
    """str() says where in the file and what is wrong."""


@dataclass(frozen=True)
class Access:
    """What a person may do here: names of roles and teams."""

    roles: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    is_superuser: bool = False

    def __or__(self, other: Access) -> Access:
        return Access(
            self.roles | other.roles,
            self.teams | other.teams,
            self.is_superuser or other.is_superuser,
        )


@dataclass(frozen=True)
class OpenIDProvider:
    """One entry. `contact` is whom a person without access may ask, in words."""

    id: str
    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    contact: str
    groups: Mapping[str, Access]
    groups_claim: str = "groups"
    scopes: tuple[str, ...] = SCOPES
    match_email: bool = False
    second_factor: bool = False
    """Whether the provider asks everybody for a second factor itself."""
    certificate_authority: str = ""

    def access_of(self, groups: Iterable[str]) -> Access | None:
        """What these groups give together; None if none of them is in the file."""
        found = [self.groups[name] for name in groups if name in self.groups]
        if not found:
            return None
        access = found[0]
        for more in found[1:]:
            access |= more
        return access

    @property
    def teams(self) -> frozenset[str]:
        """All that the file gives: who is in none of their groups is in none of these."""
        return frozenset(team for access in self.groups.values() for team in access.teams)


def read(path: Path, environ: Mapping[str, str] = os.environ) -> tuple[OpenIDProvider, ...]:
    """Raises BadFile."""
    try:
        root = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeError) as error:
        raise BadFile(f"it cannot be read: {getattr(error, 'strerror', '') or error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise BadFile(f"line {mark.line + 1 if mark else 1} is not valid YAML") from None
    if not isinstance(root, dict) or set(root) != {"providers"}:
        raise BadFile("it must hold `providers:` with a list, and nothing else")
    entries = root["providers"]
    if not isinstance(entries, list) or not entries:
        raise BadFile("providers: it must be a list of one or more")
    found = tuple(
        _provider(entry, f"providers[{number}]", environ, path.parent)
        for number, entry in enumerate(entries, 1)
    )
    if len({each.id for each in found}) != len(found):
        raise BadFile("providers: two of them have the same id")
    return found


def _provider(entry: Any, place: str, environ: Mapping[str, str], folder: Path) -> OpenIDProvider:
    if not isinstance(entry, dict):
        raise BadFile(f"{place}: it must be a mapping")
    _known(entry, KEYS, place)
    for key in NEEDED:
        if not entry.get(key):
            raise BadFile(f"{place}.{key}: it is missing")
    texts = {key: _text(entry[key], f"{place}.{key}") for key in NEEDED if key != "groups"}
    if not ID.fullmatch(texts["id"]):
        raise BadFile(f"{place}.id: it must be a short word of a-z, 0-9 and hyphens")
    try:
        texts["issuer"] = clean_base_url(texts["issuer"])
    except ValueError as error:
        raise BadFile(f"{place}.issuer: {str(error).rstrip('.')}") from None
    texts["client_secret"] = _secret(texts["client_secret"], f"{place}.client_secret", environ)
    return OpenIDProvider(
        **texts,
        groups=_groups(entry["groups"], f"{place}.groups"),
        groups_claim=_text(entry.get("groups_claim", "groups"), f"{place}.groups_claim"),
        scopes=_names(entry.get("scopes", SCOPES), f"{place}.scopes"),
        match_email=_flag(entry.get("match_email", False), f"{place}.match_email"),
        second_factor=_flag(entry.get("second_factor", False), f"{place}.second_factor"),
        certificate_authority=_certificates(
            entry.get("certificate_authority", ""), f"{place}.certificate_authority", folder
        ),
    )


def _groups(given: Any, place: str) -> dict[str, Access]:
    if not isinstance(given, dict):
        raise BadFile(f"{place}: it must map each group of the provider to what it gives")
    return {str(name): _access(value, f"{place}.{name}") for name, value in given.items()}


def _access(given: Any, place: str) -> Access:
    if not isinstance(given, dict):
        raise BadFile(f"{place}: it must be a mapping with `roles`, `teams` or `superuser`")
    _known(given, ACCESS_KEYS, place)
    roles = _names(given.get("roles", ()), f"{place}.roles")
    if strange := sorted(set(roles) - ROLES.keys()):
        raise BadFile(f"{place}.roles: {strange[0]} is none of {', '.join(ROLES)}")
    teams = _names(given.get("teams", ()), f"{place}.teams")
    if taken := sorted(set(teams) & ROLES.keys()):
        raise BadFile(f"{place}.teams: {taken[0]} is a role")
    superuser = _flag(given.get("superuser", False), f"{place}.superuser")
    if not roles and not superuser:
        raise BadFile(f"{place}: it gives no role, so its people could see nothing")
    return Access(frozenset(roles), frozenset(teams), superuser)


def _known(given: Mapping[Any, Any], keys: frozenset[str], place: str) -> None:
    if strange := sorted(str(key) for key in given if key not in keys):
        raise BadFile(f"{place}.{strange[0]}: this key is not known")


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadFile(f"{place}: it must be a text (put it in quotes)")
    return value.strip()


def _names(value: Any, place: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise BadFile(f"{place}: it must be a list")
    return tuple(_text(each, place) for each in value)


def _flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise BadFile(f"{place}: it must be true or false")
    return value


def _secret(value: str, place: str, environ: Mapping[str, str]) -> str:
    """The value, or what the named environment variable holds."""
    if not value.startswith(ENV):
        return value
    name = value.removeprefix(ENV)
    if not environ.get(name):
        raise BadFile(f"{place}: the environment variable {name} is not set")
    return environ[name]


def _certificates(value: Any, place: str, folder: Path) -> str:
    """The text of a file of certificates, named from the folder of the providers' file."""
    if not value:
        return ""
    try:
        text = (folder / _text(value, place)).read_text("ascii")
    except (OSError, UnicodeError):
        raise BadFile(f"{place}: the file cannot be read") from None
    if "BEGIN CERTIFICATE" not in text:
        raise BadFile(f"{place}: the file holds no certificate")
    return text
