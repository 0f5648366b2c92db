"""What people would have set up in the demo by the time somebody looks at it: rules for business
keys and notifications, notes, a muted workflow. Made once, beside the accounts; what a person
changes or deletes afterwards stays so."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from config import demo_accounts
from executions.access import audit_log
from executions.models import CorrelationRule, Event, NoticeRule, Workflow
from executions.notes import acts as note_acts
from executions.notifications import acknowledge_and_mute as notification_acts
from executions.notifications.rule_form import rule_form, set_up
from providers.demo.eightx8.definitions import DEFINITIONS
from providers.demo.eightx8.definitions import id_of as eightx8_id
from providers.demo.flow8.flows import FLOWS
from providers.demo.flow8.flows import id_of as flow8_id
from providers.demo.smartflows.installation import id_of as smartflows_id
from providers.models import ProviderAccount

KEY_RULES = {
    "smartflows": (("order number", "$.order"), ("claim number", "$.claim")),
    "eightx8": (
        ("order number", "$.order"),
        ("claim number", "$.claim"),
        ("invoice number", "$.invoice"),
    ),
    "generio": (("order number", "$.additional.order"), ("article", "$.additional.article")),
    "flow8": (
        ("order number", "$.order"),
        ("claim number", "$.claim"),
        ("invoice number", "$.invoiceId"),
    ),
}
"""Per provider: the key's name and its path in the input of a run."""

NOTICE_RULES: tuple[dict[str, Any], ...] = (
    {"name": "Orders and deliveries fail", "event": Event.FAILED},
    {"name": "Waits for an answer", "event": Event.WAITING, "after_seconds": "20m"},
    {"name": "Takes much longer than usual", "event": Event.OVERDUE},
    {"name": "An account cannot be read", "event": Event.ACCOUNT},
)

NOTES = (
    (
        "flow8", "release", True,
        "Amounts over EUR 10,000 are released by cost center and by finance. (Simulated, like all "
        "of this account.)",
    ),
    (
        "flow8", "payout", True,
        "Pay-outs over EUR 10,000 need a second look at the policy before you approve them.",
    ),
    (
        "smartflows", "Contract to signature", True,
        "Signers have a day. Ask the customer before you cancel: a new run means new signatures.",
    ),
    (
        "eightx8", "dunning", False,
        "Numbers that cannot be reached are tried once. The customer gets a letter instead.",
    ),
)  # fmt: skip
"""Provider, workflow, whether it is pinned, and what it says."""

MUTED = ("eightx8", "campaign", "Switched off until the next winter season.")


def set_up_demo() -> None:
    """Make the demo's accounts and, for those that are new, what belongs to them."""
    new = {account.provider: account for account in demo_accounts.ensure_accounts()}
    user = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if new and user is not None:
        furnish(new, user)


@transaction.atomic
def furnish(accounts: dict[str, ProviderAccount], user: User) -> None:
    """`accounts` by provider. Everything is done in the name of `user`, as people would do it."""
    for key, account in accounts.items():
        for name, path in KEY_RULES[key]:
            _add_key_rule(account, name, path)
    if len(accounts) == len(demo_accounts.NAMES):
        for values in NOTICE_RULES:
            _add_notice_rule(values)
    for key, workflow, is_pinned, text in NOTES:
        if key in accounts:
            place = _workflow(accounts[key], workflow)
            note_acts.write(user, place, text, is_pinned=is_pinned, address=None)
    key, workflow, reason = MUTED
    if key in accounts:
        place = _workflow(accounts[key], workflow)
        notification_acts.mute(place, user, reason=reason, lasts="7d", address=None)


def _add_key_rule(account: ProviderAccount, name: str, path: str) -> None:
    rule = CorrelationRule(account=account, name=name, source="input", path=path)
    rule.full_clean()
    rule.save()
    audit_log.record(
        demo_accounts.BY,
        audit_log.Action.KEY_RULE_ADDED,
        account_name=account.name,
        target=str(rule),
    )


def _add_notice_rule(values: dict[str, Any]) -> None:
    """Without an address: it shows on the page, and people add theirs."""
    if NoticeRule.objects.filter(name=values["name"]).exists():
        return
    form = rule_form()({"pause_seconds": "60", "tells_cleared": True, "enabled": True, **values})
    if not form.is_valid():
        raise ValueError(f"The rule {values['name']} is not usable: {form.errors.as_text()}")
    rule = form.save(commit=False)
    changes = set_up(rule, form, by=demo_accounts.BY)
    audit_log.record(
        demo_accounts.BY,
        audit_log.Action.NOTICE_RULE_ADDED,
        target=f"rule:{rule.pk} {rule.name}",
        detail={"changes": changes},
    )


def _workflow(account: ProviderAccount, key: str) -> Workflow:
    """The row that the first poll would make."""
    ref, name = {
        "smartflows": lambda: (smartflows_id(key), key),
        "eightx8": lambda: (eightx8_id(key), DEFINITIONS[key][0]),
        "flow8": lambda: (flow8_id(key), FLOWS[key][0]),
    }[account.provider]()
    return Workflow.objects.get_or_create(account=account, ref=ref, defaults={"name": name})[0]
