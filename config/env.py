"""What the environment says. Every variable of the project is read here and listed in VARIABLES.

Keys that nobody set are made once and kept in the data folder, readable by its owner alone.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet

BASE_DIR = Path(__file__).resolve().parent.parent

VARIABLES: dict[str, str] = {
    "DATABASE_URL": "Postgres to use. Empty: an embedded one in the data folder.",
    "REDIS_URL": "Valkey or Redis to use. Empty: an embedded one in the data folder.",
    "PORT": "Port of the web pages. Default 8000.",
    "LIVE_PORT": "Port of the live stream. Default: PORT + 1.",
    "HOST": "Address that `manage.py run` listens on. Default 127.0.0.1.",
    "LIVE_URL": "Where browsers find the live stream. Default: the same host, LIVE_PORT.",
    "ANNUNCIATOR_DATA": "Folder of the embedded services and generated keys. Default .data/.",
    "ANNUNCIATOR_DEMO": "1 starts four demo providers with accounts, 0 does not. Default 1.",
    "ANNUNCIATOR_DEMO_PORT": "First of the four ports of the demo providers. Default 8101.",
    "ANNUNCIATOR_ADMIN_PASSWORD": "Password of the first user, admin. Empty: made "
    "and printed once.",
    "ANNUNCIATOR_ALLOWED_NETWORKS": "Networks (CIDR, commas) that accounts may reach besides "
    "public addresses.",
    "ANNUNCIATOR_ALLOWED_HOSTS": "Host names (commas) under which the site is reached.",
    "ANNUNCIATOR_KEEP_DAYS": "Days after which finished runs and their history go. Default 400.",
    "ANNUNCIATOR_PACE": "Factor on the request rate per account. Default 1.",
    "ANNUNCIATOR_LEASE_SECONDS": "How long a worker that fell silent holds a command before "
    "another one looks after it; the other waiting times follow. Default 90, at least twice the "
    "longest time a provider takes to answer.",
    "ANNUNCIATOR_OVERDUE_FACTOR": "How many times as long as usual a run takes before it is called "
    "overdue. Default 2.",
    "ANNUNCIATOR_OVERDUE_SECONDS": "How long any run takes at least before it is called overdue. "
    "Default 60.",
    "ANNUNCIATOR_SITE_URL": "Where people reach the site, for links in messages. Default: the "
    "first of ANNUNCIATOR_ALLOWED_HOSTS with PORT, or https without a port if ANNUNCIATOR_SECURE.",
    "ANNUNCIATOR_SECURE": "1 when served over https: secure cookies, HSTS. Default 0.",
    "ANNUNCIATOR_DEBUG": "1 shows Django's debug pages. Default 0.",
    "SECRET_KEY": "Django's key. Empty: made once, kept in the data folder.",
    "CREDENTIAL_KEYS": "Fernet keys (commas) that seal credentials; the first one seals. Empty: "
    "made once, kept in the data folder.",
}


def text(name: str, default: str = "") -> str:
    if name not in VARIABLES:
        raise KeyError(f"{name} is not listed in config.env.VARIABLES")
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool) -> bool:
    return text(name, "1" if default else "0").lower() in ("1", "true", "yes", "on")


def items(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def data_folder() -> Path:
    folder = Path(text("ANNUNCIATOR_DATA", str(BASE_DIR / ".data"))).expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
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
