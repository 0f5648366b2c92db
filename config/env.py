"""What the environment says. Every variable of the project is read here and listed in VARIABLES.

A value that cannot be used ends the process with a sentence that names its variable. Keys that
nobody set are made once and kept in the data folder, readable by its owner alone.
"""

from __future__ import annotations

import ipaddress
import math
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from config.sign_in.providers_file import BadFile, OpenIDProvider, read
from executions.access.roles import ROLES
from providers.address_policy import Policy

BASE_DIR = Path(__file__).resolve().parent.parent

VARIABLES: dict[str, str] = {
    "DATABASE_URL": "Postgres to use. Empty: an embedded one in the data folder.",
    "DATABASE_OWNER_URL": "The same Postgres as its owner, for what makes and changes tables: "
    "`manage.py setup`, `migrate` and `run`. DATABASE_URL then names a role that owns nothing. "
    "Empty: one role for both.",
    "DATABASE_OWNER_PASSWORD": "Password of that owner, where its characters would end an address.",
    "REDIS_URL": "Valkey or Redis to use. Empty: an embedded one in the data folder.",
    "PORT": "Port of the web pages. Default 8000.",
    "LIVE_PORT": "Port of the live stream. Default: PORT + 1.",
    "HOST": "Address that `manage.py run` listens on, and docker compose publishes on. Default "
    "127.0.0.1.",
    "LIVE_URL": "Where browsers find the live stream. Default: the same host, LIVE_PORT.",
    "ANNUNCIATOR_DATA": "Folder of the embedded services and generated keys. Default .data/.",
    "ANNUNCIATOR_DEMO": "1 starts four demo providers with accounts, 0 does not. Default 1.",
    "ANNUNCIATOR_DEMO_HOST": "Where the other processes reach the demo providers. Default "
    "127.0.0.1.",
    "ANNUNCIATOR_DEMO_PORT": "First of the four ports of the demo providers. Default 8101.",
    "ANNUNCIATOR_ADMIN_PASSWORD": "Password of the first user, admin. Empty: made "
    "and printed once.",
    "ANNUNCIATOR_ALLOWED_NETWORKS": "Networks (CIDR, commas) that accounts may reach besides "
    "public addresses, at the ports 80, 443, 4200, 8080 and 8443, or at others that are named "
    "behind a network: 10.20.0.0/16:9000, 10.20.0.0/16:9000-9100 or, for every port, "
    "10.20.0.0/16:*.",
    "ANNUNCIATOR_ALLOWED_HOSTS": "Host names (commas) under which the site is reached. Default: "
    "localhost, 127.0.0.1, [::1] and HOST.",
    "ANNUNCIATOR_KEEP_DAYS": "Days after which finished runs and their history go. Default 400.",
    "ANNUNCIATOR_KEY_DAYS": "Days after which an account's page reminds of replacing its key. "
    "Default 365.",
    "ANNUNCIATOR_PACE": "Factor on the request rate per account. Default 1.",
    "ANNUNCIATOR_LEASE_SECONDS": "How long a worker that fell silent holds a command before "
    "another one looks after it; the other waiting times follow. Default 90, at least twice the "
    "longest time a provider takes to answer.",
    "ANNUNCIATOR_OVERDUE_FACTOR": "How many times as long as usual a run takes before it is called "
    "overdue. Default 2.",
    "ANNUNCIATOR_OVERDUE_SECONDS": "How long any run takes at least before it is called overdue. "
    "Default 60.",
    "ANNUNCIATOR_SIGN_IN": "File (YAML) of the OpenID providers by which people sign in: "
    "docs/operate/sign-in.md. Empty: none.",
    "ANNUNCIATOR_LOCAL_SIGN_IN": "0 takes no names and passwords of local people, only what an "
    "OpenID provider says. Default 1.",
    "ANNUNCIATOR_IDLE_MINUTES": "Minutes without a person's doing after which their session ends. "
    "Default 480.",
    "ANNUNCIATOR_LOG": "Form of the lines in the log: line, or json for one object each. Default "
    "line.",
    "ANNUNCIATOR_METRICS_TOKEN": "What whoever reads /metrics must send, as Authorization: Bearer; "
    "figures then name accounts. Empty: everybody may read them, and accounts are numbers.",
    "ANNUNCIATOR_UNDO_SECONDS": "How long an answer given on a page waits before it is sent, so "
    "that it can be undone; 0 sends it at once. Default 10, at most 60.",
    "ANNUNCIATOR_SECOND_FACTOR": "Roles (commas: viewer, operator, admin, superuser) whose people "
    "need a second factor. Empty: none.",
    "ANNUNCIATOR_STEP_UP_MINUTES": "Minutes after which somebody proves again who they are, before "
    "secrets and batches. 0: never. Default 15.",
    "ANNUNCIATOR_SITE_URL": "Where people reach the site, for links in messages. Default: the "
    "address that the terminal prints, or the first of ANNUNCIATOR_ALLOWED_HOSTS where HOST is not "
    "among them; https without a port if ANNUNCIATOR_SECURE.",
    "ANNUNCIATOR_SECURE": "1 when served over https: secure cookies, HSTS. Default 0.",
    "ANNUNCIATOR_TRUSTED_PROXIES": "Networks (CIDR, commas) of the proxies whose X-Forwarded-For "
    "says who asks. Default: none, or this machine if ANNUNCIATOR_SECURE.",
    "ANNUNCIATOR_DEBUG": "1 shows Django's debug pages. Default 0.",
    "SECRET_KEY": "Django's key. Empty: made once, kept in the data folder.",
    "CREDENTIAL_KEYS": "Fernet keys (commas) that seal credentials; the first one seals. Empty: "
    "made once, kept in the data folder.",
}


class CannotStart(SystemExit):
    """Stop: the process ends with str() on its error output, in place of a traceback. One sentence
    that says what is wrong and which setting mends it, without secrets."""


class _Unusable(Exception):
    """str() goes on after "must be"."""


def text(name: str, default: str = "") -> str:
    return exact(name).strip() or default


def exact(name: str) -> str:
    """As it was set: a password may begin or end with a space."""
    if name not in VARIABLES:
        raise KeyError(f"{name} is not listed in config.env.VARIABLES")
    return os.environ.get(name, "")


def value(name: str, default: Any) -> Any:
    """Read as READERS say. CannotStart if that cannot be done."""
    raw = text(name)
    if not raw:
        return default
    try:
        return READERS[name](raw)
    except _Unusable as wanted:
        given = "" if name in SECRET else f" and is {raw!r}"
        raise CannotStart(f"{name} must be {wanted}{given}.") from None


def check() -> None:
    """CannotStart if any variable has a value that cannot be used."""
    for name in READERS:
        value(name, None)


def shown_host() -> str:
    """The name under which this machine itself reaches the site."""
    host = text("HOST") or "127.0.0.1"
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def site_host(allowed: list[str]) -> str:
    """The name in links: the one that the terminal prints, where the site answers to it."""
    return shown_host() if shown_host() in allowed else allowed[0]


def own_hosts() -> list[str]:
    """The names under which this machine, and who we listen for, reach the site."""
    return list(dict.fromkeys(["localhost", "127.0.0.1", "[::1]", shown_host()]))


def _split(raw: str) -> list[str]:
    return [part.strip() for part in raw.split(",") if part.strip()]


def _flag(raw: str) -> bool:
    if raw.lower() in ("1", "true", "yes", "on"):
        return True
    if raw.lower() in ("0", "false", "no", "off"):
        return False
    raise _Unusable("1 or 0")


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    def read(raw: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", raw) or not lowest <= int(raw) <= highest:
            raise _Unusable(f"a whole number from {lowest} to {highest}")
        return int(raw)

    return read


def _number(*, may_be_zero: bool) -> Callable[[str], float]:
    def read(raw: str) -> float:
        try:
            number = float(raw)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or number < 0 or (number == 0 and not may_be_zero):
            raise _Unusable("0 or a number above it" if may_be_zero else "a number above 0")
        return number

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if raw not in words:
            raise _Unusable(" or ".join(words))
        return raw

    return read


def _address(example: str, *schemes: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        try:
            parts = urlsplit(raw)
            is_fine = parts.scheme in schemes and parts.port != 0
        except ValueError:
            is_fine = False
        if not is_fine or not (parts.netloc or parts.path or parts.query):
            raise _Unusable(f"an address like {example}")
        return raw

    return read


def _web_address(raw: str) -> str:
    read = _address("https://annunciator.example.com/", "http", "https")(raw)
    if not urlsplit(read).hostname:
        raise _Unusable("an address like https://annunciator.example.com/")
    return read


def _hosts(raw: str) -> list[str]:
    for host in _split(raw):
        if not re.fullmatch(r"\*|\.?[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]", host):
            raise _Unusable("host names with commas between, without scheme and port")
    return _split(raw)


def _networks(raw: str) -> list[str]:
    try:
        Policy.from_cidrs(_split(raw))
    except ValueError:
        raise _Unusable(
            "networks like 10.20.0.0/16 or, with ports, 10.20.0.0/16:9000-9100, with commas between"
        ) from None
    return _split(raw)


def _openid_providers(raw: str) -> tuple[OpenIDProvider, ...]:
    try:
        return read(Path(raw).expanduser())
    except BadFile as error:
        raise _Unusable(f"a file of OpenID providers ({error})") from None


def _roles(raw: str) -> list[str]:
    known = (*ROLES, "superuser")
    if any(each not in known for each in _split(raw)):
        raise _Unusable(f"some of {', '.join(known)} with commas between")
    return _split(raw)


def _proxies(raw: str) -> list[str]:
    try:
        return [str(ipaddress.ip_network(each)) for each in _split(raw)]
    except ValueError:
        raise _Unusable("networks like 10.20.0.7/32 with commas between") from None


def _fernet_keys(raw: str) -> list[str]:
    for key in _split(raw):
        try:
            Fernet(key)
        except ValueError:
            raise _Unusable("Fernet keys with commas between (.env.example makes one)") from None
    return _split(raw)


_port = _whole(1, 65_535)
READERS: dict[str, Callable[[str], Any]] = {
    "DATABASE_URL": _address("postgresql://user:password@host/name", "postgresql", "postgres"),
    "DATABASE_OWNER_URL": _address(
        "postgresql://owner:password@host/name", "postgresql", "postgres"
    ),
    "REDIS_URL": _address("redis://:password@host:6379/0", "redis", "rediss", "unix"),
    "PORT": _port,
    "LIVE_PORT": _port,
    "LIVE_URL": _web_address,
    "ANNUNCIATOR_DEMO": _flag,
    "ANNUNCIATOR_DEMO_PORT": _whole(1, 65_532),
    "ANNUNCIATOR_ALLOWED_NETWORKS": _networks,
    "ANNUNCIATOR_ALLOWED_HOSTS": _hosts,
    "ANNUNCIATOR_KEEP_DAYS": _whole(1, 36_500),
    "ANNUNCIATOR_KEY_DAYS": _whole(1, 36_500),
    "ANNUNCIATOR_PACE": _number(may_be_zero=False),
    "ANNUNCIATOR_LEASE_SECONDS": _number(may_be_zero=False),
    "ANNUNCIATOR_OVERDUE_FACTOR": _number(may_be_zero=False),
    "ANNUNCIATOR_OVERDUE_SECONDS": _number(may_be_zero=True),
    "ANNUNCIATOR_SIGN_IN": _openid_providers,
    "ANNUNCIATOR_LOCAL_SIGN_IN": _flag,
    "ANNUNCIATOR_IDLE_MINUTES": _whole(5, 24 * 60),
    "ANNUNCIATOR_UNDO_SECONDS": _whole(0, 60),
    "ANNUNCIATOR_LOG": _one_of("line", "json"),
    "ANNUNCIATOR_SECOND_FACTOR": _roles,
    "ANNUNCIATOR_STEP_UP_MINUTES": _whole(0, 24 * 60),
    "ANNUNCIATOR_SITE_URL": _web_address,
    "ANNUNCIATOR_SECURE": _flag,
    "ANNUNCIATOR_TRUSTED_PROXIES": _proxies,
    "ANNUNCIATOR_DEBUG": _flag,
    "CREDENTIAL_KEYS": _fernet_keys,
}
SECRET = {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "CREDENTIAL_KEYS"}


def data_folder() -> Path:
    """Made where it is missing. CannotStart if we cannot write there."""
    folder = Path(text("ANNUNCIATOR_DATA", str(BASE_DIR / ".data"))).expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise CannotStart(
            f"{folder} is in a file, or is one: set ANNUNCIATOR_DATA to a folder."
        ) from None
    except OSError as error:
        raise CannotStart(
            f"The folder {folder} cannot be made ({error.strerror}): set ANNUNCIATOR_DATA to "
            "another one."
        ) from None
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise CannotStart(
            f"The folder {folder} is read-only or belongs to another user: set ANNUNCIATOR_DATA "
            "to one of your own."
        )
    return folder


def kept_secret(name: str, make: str) -> str:
    """The value of a key file in the data folder, made on first use. `make`: "text" or "fernet"."""
    path = data_folder() / f"{name}.key"
    if not path.exists():
        value = Fernet.generate_key().decode() if make == "fernet" else secrets.token_urlsafe(48)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(value)
        try:
            os.link(draft, path)  # the first of several processes wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
