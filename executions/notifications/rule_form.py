"""Setting a notification rule up: what a person typed becomes a row, its addresses sealed.

Filled by the admin (`admin`) and in the product (`team_rules`). Addresses go in and
never come out: the form shows what may be shown of the stored ones and takes new ones.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from executions import database_clock
from executions.models import Event, Notice, NoticeRule
from executions.notifications import address_rules, apprise_sending, service_addresses
from executions.notifications.service_picker import AddressField
from executions.payloads.text_escaping import plain
from providers import sealing
from providers.sealing import SealError

MAX_ADDRESSES = 10
REMOVE = "remove_"
LONGEST = 366 * 86400  # seconds
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
NEEDS_AFTER = (Event.WAITING, Event.STUCK)
ANEW = {
    "event", "group", "accounts", "workflows", "after_seconds", "period_seconds", "grace_seconds",
    "enabled",
}  # fmt: skip


class SpanField(forms.CharField):
    """A length of time: `90`, `15m`, `2h`, `1d`; seconds where no unit stands."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=20, **options)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, int) or isinstance(value, bool):
            return value
        for unit, factor in reversed(UNITS.items()):
            if value and value % factor == 0:
                return f"{value // factor}{unit}"
        return str(value)

    def clean(self, value: Any) -> int | None:
        text = super().clean(value).replace(" ", "").lower()
        if not text:
            return None
        found = re.fullmatch(r"(\d{1,8})([smhd]?)", text, re.ASCII)
        seconds = int(found[1]) * UNITS[found[2] or "s"] if found else -1
        if not 0 <= seconds <= LONGEST:
            raise ValidationError("Write a length of time such as 90, 15m, 2h or 1d.")
        return seconds

    def has_changed(self, initial: Any, data: Any) -> bool:
        return str(self.prepare_value(initial) or "") != str(data or "").strip()


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    after_seconds = SpanField(
        label="Longer than",
        required=False,
        help_text="For waiting and stuck: how long before a message is sent, such as 15m or 2h.",
    )
    period_seconds = SpanField(
        label="Expected every",
        required=False,
        help_text="For an expected run: from one start to the next, such as 1d. Empty: learned "
        "from the last 20 starts.",
    )
    grace_seconds = SpanField(
        label="Grace",
        required=False,
        help_text="For an expected run: how late it may be. Empty: a quarter of the usual "
        "interval, at least a minute, where it is learned; else nothing.",
    )
    pause_seconds = SpanField(
        label="Pause",
        initial=60,
        help_text="Between two messages of this rule. Events in between are sent in one message.",
    )
    new_addresses = AddressField(
        label="Add an address",
        required=False,
        help_text="Sealed and never shown again.",
    )

    class Meta:
        model = NoticeRule
        help_texts: ClassVar = {"name": "Shown in every message."}
        fields = (
            "name", "event", "group", "accounts", "workflows", "after_seconds", "period_seconds",
            "grace_seconds", "pause_seconds", "tells_cleared", "enabled",
        )  # fmt: skip

    def __init__(self, *given: Any, is_reached: bool = True, **more: Any) -> None:
        super().__init__(*given, **more)
        self.is_reached = is_reached
        """Whether it is looked up that each address can be reached."""

    def clean_new_addresses(self) -> list[address_rules.Address]:
        """Each is understood and may be reached; what is said never holds the address."""
        understood, problems = service_addresses.read(self.cleaned_data["new_addresses"])
        if len(understood) + len(problems) + len(self.instance.targets) > MAX_ADDRESSES:
            raise ValidationError(f"A rule has at most {MAX_ADDRESSES} address_rules.")
        for address in understood if self.is_reached else ():
            outcome = apprise_sending.check(address, settings.ANNUNCIATOR_ALLOWED_NETWORKS)
            if not outcome.is_sent:
                problems.append(f"{address.service}, {address.shown}: {outcome.says}")
        if problems:
            raise ValidationError(problems)
        return understood

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        event = data.get("event")
        if event in NEEDS_AFTER and not data.get("after_seconds") and "after_seconds" in data:
            self.add_error("after_seconds", "Enter how long it may last before a message is sent.")
        if event == Event.MISSING and "workflows" in data and not data["workflows"]:
            self.add_error("workflows", "Choose the workflows whose runs are expected.")
        return data

    def removed(self) -> set[str]:
        """Ids of stored addresses that are to go."""
        return {
            name.removeprefix(REMOVE)
            for name, value in self.cleaned_data.items()
            if name.startswith(REMOVE) and value
        }


def rule_form(rule: NoticeRule | None = None) -> type[RuleForm]:
    """The form class for this rule, with one box for each stored address."""
    boxes = {
        REMOVE + target["id"]: forms.BooleanField(
            required=False,
            label=f"Remove {target['service']} {target['shown']}",
            help_text=f"Set {target['set_on']} by {target['by']}, "
            f"fingerprint {target['fingerprint']}.",
        )
        for target in (rule.targets if rule else [])
    }
    return type("RuleForm", (RuleForm,), boxes)


@transaction.atomic
def set_up(rule: NoticeRule, form: RuleForm, *, by: str) -> list[str]:
    """Save the rule with its address_rules. Whatever it looks at anew begins without announcing the
    past. Returns what changed, in words without secrets. Raises SealError where stored addresses
    do not open and shall stay."""
    is_new = rule.pk is None
    if set(form.changed_data) & ANEW or is_new:
        begin_anew(rule)
    rule.save()  # a seal names the row's number
    added, removed = form.cleaned_data["new_addresses"], form.removed()
    removed_places = [target["shown"] for target in rule.targets if target["id"] in removed]
    if added or removed:
        _seal(rule, added, removed, by)
        rule.save(update_fields=["sealed_targets", "targets"])
    names = [name for name in form.changed_data if name != "new_addresses"]
    return [
        *(f"{name}: {_shown(form.cleaned_data.get(name))}" for name in names if name in ANEW),
        *(f"address added: {address.shown}" for address in added),
        *(f"address removed: {shown}" for shown in removed_places),
    ]


def begin_anew(rule: NoticeRule) -> None:
    """What is so already is not announced, and what was raised before is forgotten. The caller
    saves the rule."""
    rule.active_since, rule.is_primed = database_clock.now(), False
    if rule.pk is not None:
        Notice.objects.filter(rule=rule).delete()


def _seal(rule: NoticeRule, added: list[address_rules.Address], removed: set[str], by: str) -> None:
    try:
        stored = rule.addresses()
    except SealError:
        if removed < {target["id"] for target in rule.targets}:
            raise
        stored = []  # none of them opens, and all shall go
    kept = [each for each in stored if each["id"] not in removed]
    notes = [each for each in rule.targets if each["id"] not in removed]
    today = database_clock.now().date().isoformat()
    for address in added:
        key = secrets.token_hex(6)
        kept.append({"id": key, "url": address.url})
        notes.append(
            {
                "id": key,
                "service": address.service,
                "shown": address.shown[:120],
                "fingerprint": sealing.fingerprint(address.url),
                "set_on": today,
                "by": by,
            }
        )
    rule.targets = notes
    rule.sealed_targets = sealing.seal(rule.seal_context, kept) if kept else ""


def span(seconds: int | None) -> str:
    """`15m`, as it is typed."""
    return str(SpanField().prepare_value(seconds) or "")


def _shown(value: Any) -> str:
    if hasattr(value, "all") or isinstance(value, list):
        return ", ".join(str(each) for each in value) or "all"
    return "nothing" if value is None else str(value)


def in_words(
    rule: NoticeRule, of: Sequence[str] | None = None, receivers: Sequence[str] | None = None
) -> str:
    """What a rule does, as one sentence: `When Claim intake fails, tell Slack #ops at most every
    10 min.` `of`: names of its workflows; `receivers`: services and places. Both are the rule's own
    unless they are given, as for one that is not saved."""
    if receivers is None:
        people = [str(each) for each in rule.people.order_by("username")]
        receivers = [f"{each['service']} {each['shown']}" for each in rule.targets]
        receivers += [f"the browsers of {_listed(people)}"] if people else []
    tell = f"tell {_listed(receivers)}" if receivers else "list it on the Notifications page"
    often = (
        f" at most every {spoken(rule.pause_seconds)}" if rule.pause_seconds and receivers else ""
    )
    return f"When {what_happens(rule, of)}, {tell}{often}."


def what_happens(rule: NoticeRule, of: Sequence[str] | None = None) -> str:
    """`Claim intake fails with “timeout”`."""
    if of is None:
        of = [each.name for each in rule.workflows.all()]
    flows = _listed([plain(name, 80) or "(no name)" for name in of]) if of else "any workflow"
    event = Event(rule.event)
    words = {
        Event.FAILED: f"{flows} fails",
        Event.WAITING: f"{flows} waits for input",
        Event.OVERDUE: f"{flows} is overdue",
        Event.STUCK: "a command is not settled",
        Event.ACCOUNT: "an account cannot be read",
        Event.MISSING: f"{flows} does not start",
    }[event]
    if event == Event.FAILED and rule.error_key:
        words += f" with “{plain(rule.error_text, 120)}”"
    if rule.after_seconds and event in NEEDS_AFTER:
        words += f" for longer than {spoken(rule.after_seconds)}"
    if event == Event.MISSING:
        every = f"every {spoken(rule.period_seconds)}" if rule.period_seconds else "as usual"
        words += f" {every}"
    return words


def spoken(seconds: int) -> str:
    """`15 min`, `1 h 30 min`."""
    words = {"d": 86400, "h": 3600, "min": 60, "s": 1}
    parts, rest = [], seconds
    for unit, factor in words.items():
        number, rest = divmod(rest, factor)
        parts += [f"{number} {unit}"] if number else []
    return " ".join(parts) or "0 s"


def _listed(names: Sequence[str]) -> str:
    first, rest = list(names[:3]), len(names[3:])
    if rest:
        return f"{', '.join(first)} and {rest} more"
    return " and ".join([", ".join(first[:-1]), first[-1]] if len(first) > 1 else first)
