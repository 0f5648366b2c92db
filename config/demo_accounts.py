"""The demo: four simulated providers on this machine, and the accounts that poll them."""

from __future__ import annotations

from django.utils import timezone

from config import env
from providers.demo.eightx8 import api as eightx8
from providers.demo.flow8 import api as flow8
from providers.demo.generio import api as generio
from providers.demo.smartflows import api as smartflows
from providers.demo.traffic import HISTORY
from providers.models import ProviderAccount

NAMES = {
    "smartflows": "Documents",
    "eightx8": "Customer messaging",
    "generio": "3D catalogue",
    "flow8": "Back office",
}
API_KEYS = {
    "smartflows": smartflows.API_KEY,
    "eightx8": eightx8.API_KEY,
    "generio": generio.API_KEY,
    "flow8": flow8.API_KEY,
}
EXTRA_SETTINGS = {"eightx8": {"account_id": eightx8.ACCOUNT_ID}}
BY = "demo"  # in the audit log
POLL_EVERY = {"eightx8": 7}  # seconds; it lists each definition by itself
SEEN_MOVING = 4  # seconds, of the others


def host() -> str:
    return env.text("ANNUNCIATOR_DEMO_HOST", "127.0.0.1")


def ports() -> dict[str, int]:
    """Port of each simulator; moved together by ANNUNCIATOR_DEMO_PORT."""
    first: int = env.value("ANNUNCIATOR_DEMO_PORT", 8101)
    return {key: first + offset for offset, key in enumerate(NAMES)}


def ports_text() -> str:
    return ",".join(f"{key}={port}" for key, port in ports().items())


def ensure_accounts() -> list[ProviderAccount]:
    """Create the demo accounts that are missing, and return those; people's changes to existing
    ones stay."""
    created = []
    for key, port in ports().items():
        site = f"http://{host()}:{port}"
        account, is_new = ProviderAccount.objects.get_or_create(
            name=NAMES[key],
            defaults={
                "provider": key,
                "settings": {"base_url": site, **EXTRA_SETTINGS.get(key, {})},
                "poll_every": POLL_EVERY.get(key, SEEN_MOVING),
                "covered_since": timezone.now() - HISTORY,
            },
        )
        if is_new:
            account.set_credentials({"api_key": API_KEYS[key]}, by=BY)
            account.save()
            created.append(account)
        elif account.provider == key and account.settings.get("base_url") != site:
            account.settings = {**account.settings, "base_url": site}
            account.save()
    return created
