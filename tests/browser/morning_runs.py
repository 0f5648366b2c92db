"""The runs of this morning, told one by one: for `morning`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from providers import contract
from providers.contract import Status, Step

ERRORS = (
    "Timeout to the ERP after 30 s, purchase order ORD-{0}",
    "Connection to the ERP refused (10.4.2.17:8443)\nwhile posting line 4 of 9\nno retry left",
    "Recipient +41 79 000 {0} is not reachable",
    "The mesh of part {0} is not closed: 14 open edges",
    "Signature service answers 503: maintenance until further notice",
)
STOCK = "No stock row for article 88-1204-{0} in warehouse Basel\nread 3 times, last after 40 s"


@dataclass
class Told:
    """`began` and `ended` are minutes ago; `more` goes into the snapshot."""

    flow: str
    ref: str
    name: str
    status: Status
    began: float
    ended: float | None = None
    more: dict[str, Any] = field(default_factory=dict)


CLAIM = contract.Question(
    ref="decide",
    kind="form",
    title="Decide on claim 4711",
    description="The amount is above the limit of the automatic check.",
    schema={
        "type": "object",
        "required": ["decision", "amount", "pay_on"],
        "properties": {
            "claim": {"type": "string", "title": "Claim", "readOnly": True, "default": "4711"},
            "decision": {
                "type": "string", "title": "Decision", "enum": ["accept", "reduce", "reject"],
            },
            "amount": {
                "type": "number", "title": "Amount in CHF", "minimum": 0, "default": 2840.5,
                "description": "The policy pays up to 5,000.",
            },
            "pay_on": {"type": "string", "format": "date", "title": "Pay on"},
            "reasons": {
                "type": "array", "title": "Reasons",
                "items": {"type": "string", "enum": ["Photos", "Expert", "Police report"]},
                "uniqueItems": True,
            },
            "contact": {
                "type": "object", "title": "Contact of the garage",
                "properties": {
                    "mail": {"type": "string", "format": "email", "title": "E-mail"},
                    "phone": {"type": "string", "title": "Telephone"},
                },
            },
            "letter": {"type": "string", "title": "Text of the letter", "maxLength": 2000},
            "checked": {"type": "boolean", "title": "I have checked the photos"},
        },
    },
    form=["claim", "decision", "amount", "pay_on", "reasons", "contact",
          {"key": "letter", "type": "textarea"}, "checked"],
)  # fmt: skip
YES_OR_NO = (
    contract.Choice(value="yes", label="Release"),
    contract.Choice(value="no", label="Reject", is_danger=True),
)


def approval(title: str, due: datetime | None = None) -> contract.Question:
    return contract.Question(
        ref="approve", kind="approval", title=title, choices=YES_OR_NO, due_at=due
    )


def today(now: datetime) -> list[Told]:
    return [*_asking(now), *_going(now), *_ended(now)]


def _asking(now: datetime) -> list[Told]:
    ask = Status.USER_INPUT
    return [
        Told("Claim intake", "clm-4711", "Claim 4711, hail damage", ask, 52,
             more={"questions": (CLAIM,), "input": {"claim": {"id": 4711, "kind": "hail"}}}),
        Told("Invoice approval over 10,000", "inv-20931", "Invoice 20931", ask, 134,
             more={"questions": (approval("Release invoice 20931 over CHF 18,420.00?",
                                          now + timedelta(minutes=46)),)}),
        Told("New supplier onboarding", "sup-318", "Supplier 318", ask, 21,
             more={"questions": (approval("Is the bank account of supplier 318 confirmed?"),)}),
        Told("Month-end close, all entities and subsidiaries", "close-2026-10", "", ask, 260,
             more={"questions": (approval("Book the difference of CHF 0.40 at entity 12?",
                                          now - timedelta(minutes=18)),)}),
    ]  # fmt: skip


def _going(now: datetime) -> list[Told]:
    return [
        Told("Nightly load of orders", "load-1124", "Orders of yesterday", Status.RUNNING, 95,
             more={"progress": 62, "message": "Shop 3 of 5: 41,200 of 66,000 rows",
                   "steps": _load_steps(now), "input": {"day": "yesterday", "shops": 5},
                   "output": {"rows": {"read": 41_200, "written": 40_988, "refused": 3}}}),
        Told("Render a product set", "set-4410", "Set 4410, garden chairs", Status.RUNNING, 9,
             more={"progress": 35, "message": "Frame 42 of 120"}),
        Told("Lease agreement to signature", "lea-3310", "Lease 3310", Status.WAITING, 41,
             more={"message": "Sent for signature; two of three have signed"}),
        Told("Purchase order to the ERP", "po-9031", "ORD-9031", Status.RUNNING, 0.4),
        Told("Make a model from a description", "mod-771", "Model 771", Status.QUEUED, 1),
        Told("Appointment reminder", "rem-77", "Batch 77", Status.PAUSED, 33,
             more={"message": "Suspended by ana: the template has a wrong date"}),
        Told("Stock level sync", "stk-9030", "ORD-9030", Status.UNKNOWN, 3),
    ]  # fmt: skip


def _ended(now: datetime) -> list[Told]:
    good, bad = Status.SUCCEEDED, Status.FAILED
    timeout, refused = ERRORS[0], ERRORS[1]
    return [
        Told("Purchase order to the ERP", "po-9028", "ORD-9028", bad, 14, 13,
             more={"error": timeout.format(9028), "steps": _order_steps(now),
                   "input": {"order": {"id": "ORD-9028", "lines": 9, "total": "1,204.50"}}}),
        Told("Purchase order to the ERP", "po-9027", "ORD-9027", bad, 26, 25,
             more={"error": timeout.format(9027)}),
        Told("Invoice approval over 10,000", "inv-20930", "Invoice 20930", bad, 31, 29,
             more={"error": timeout.format(9025)}),
        Told("Stock level sync", "stk-9029", "ORD-9029", bad, 17, 16,
             more={"error": STOCK.format(7)}),
        Told("Stock level sync", "stk-9026", "ORD-9026", Status.TIMED_OUT, 58, 28,
             more={"error": refused}),
        Told("Delivery notice by SMS", "sms-9021", "ORD-9021", Status.WARNING, 37, 36,
             more={"message": "Sent; 1 of 3 recipients has no number"}),
        Told("Claim intake", "clm-4709", "Claim 4709, water damage", good, 75, 66,
             more={"steps": _claim_steps(now), "outputs": _letters(), "output": _decision(),
                   "input": {"claim": {"id": 4709, "kind": "water"}, "photos": 6}}),
        Told("Claim intake", "clm-4710", "Claim 4710, theft", Status.CANCELED, 64, 60),
        Told("Appointment reminder", "rem-76", "Batch 76", Status.SKIPPED, 90, 90,
             more={"message": "Nobody has an appointment tomorrow"}),
        *_notices_held_back(),
        *_order(9021, 88),
        *(Told("Stock level sync", f"stk-{9000 + n}", f"ORD-{9000 + n}", good, 12 * n + 20,
                12 * n + 19)
          for n in range(1, 14)),
        *(Told("Purchase order to the ERP", f"po-{8980 + n}", f"ORD-{8980 + n}", good,
               11 * n + 29, 11 * n + 28) for n in range(1, 14)),
        *(Told("Render a product set", f"set-{4400 + n}", f"Set {4400 + n}", good,
               31 * n, 31 * n - 13) for n in range(1, 5)),
    ]  # fmt: skip


def _notices_held_back() -> list[Told]:
    """The gateway was down: people cancel what is too late now."""
    flow, held = "Delivery notice by SMS", {"message": "Held back: the SMS gateway is down"}
    rows = [Told(flow, f"sms-{8900 + n}", f"ORD-{8900 + n}", Status.WAITING, 195 + n, more=held)
            for n in range(8)]  # fmt: skip
    rows += [Told(flow, f"sms-{8900 + n}", f"ORD-{8900 + n}", Status.CANCELED, 195 + n, 3)
             for n in range(8, 15)]  # fmt: skip
    ends = [Status.CANCELED] * 8 + [Status.SUCCEEDED] * 2
    rows += [Told("Appointment reminder", f"rem-{50 + n}", f"Batch {50 + n}", status, 320, 290)
             for n, status in enumerate(ends)]  # fmt: skip
    return rows


def _order(number: int, began: int) -> list[Told]:
    """One order on its way through four engines."""
    name, good = f"ORD-{number}", Status.SUCCEEDED
    return [
        Told("Purchase order to the ERP", f"po-{number}", name, good, began, began - 12),
        Told("Stock level sync", f"stk-{number}", name, good, began - 14, began - 20),
        Told("Invoice approval over 10,000", f"inv-{number}", f"Invoice of {name}", Status.FAILED,
             began - 24, began - 30, more={"error": ERRORS[4]}),
        Told("Invoice approval over 10,000", f"inv-{number}b", f"Invoice of {name}, again", good,
             began - 33, began - 46),
        Told("Claim intake", f"ret-{number}", f"Return of {name}", Status.USER_INPUT,
             began - 68, more={"questions": (approval(f"Take {name} back without the box?"),)}),
    ]  # fmt: skip


def _letters() -> tuple[contract.Output, ...]:
    pdf = "application/pdf"
    return (
        contract.Output(ref="o1", name="Decision 4709.pdf", content_type=pdf, size=184_320),
        contract.Output(ref="o2", name="Payment order.xml", content_type="text/xml", size=2_210),
    )


def _decision() -> dict[str, Any]:
    return {"decision": "accept", "amount": {"value": 1840.5, "currency": "CHF"}, "checks": 7}


def _steps(now: datetime, began: float, rows: list[tuple[Any, ...]]) -> tuple[Step, ...]:
    """(path, name, status, from, to, more): seconds after the start of the run."""
    return tuple(
        Step(
            ref=f"s{n}", path=path, name=name, status=status,
            native_status=status.value.title(),
            started_at=None if start is None else at(now, began, start),
            finished_at=None if end is None else at(now, began, end), **dict(more),
        )
        for n, (path, name, status, start, end, *more) in enumerate(rows)
    )  # fmt: skip


def at(now: datetime, began: float, seconds: float) -> datetime:
    return now - timedelta(minutes=began) + timedelta(seconds=seconds)


def _order_steps(now: datetime) -> tuple[Step, ...]:
    good, error = Status.SUCCEEDED, ("error", ERRORS[0].format(9028))
    return _steps(now, 14, [
        ((), "Read the order", good, 0, 2),
        (("Check",), "Check the supplier", good, 2, 6),
        (("Check",), "Check the budget", good, 2, 4),
        ((), "Post to the ERP", Status.FAILED, 7, 37, error, ("attempt", 3)),
        ((), "Tell the buyer", Status.SKIPPED, None, None),
    ])  # fmt: skip


def _claim_steps(now: datetime) -> tuple[Step, ...]:
    good = Status.SUCCEEDED
    return _steps(now, 75, [
        ((), "Register the claim", good, 0, 4, ("output", {"id": 4709})),
        (("Photos",), "Read the photos", good, 4, 31),
        (("Photos",), "Estimate the damage", good, 31, 88),
        ((), "Ask a person to decide", good, 90, 492),
        ((), "Write the letter", good, 492, 511),
        ((), "Pay", good, 511, 540),
    ])  # fmt: skip


def _load_steps(now: datetime) -> tuple[Step, ...]:
    good, rows = Status.SUCCEEDED, []
    rows.append(((), "Take the lock", good, 0, 3))
    for shop in range(1, 6):
        path, start = (f"Shop {shop}",), 60 + 1500 * (shop - 1)
        state = good if shop < 4 else Status.RUNNING if shop == 4 else Status.QUEUED
        if shop == 5:
            rows.append((path, "Read the orders", state, None, None))
            continue
        rows.append((path, "Read the orders", good, start, start + 420))
        for part in range(1, 5):
            inner = (*path, "Write to the warehouse")
            end = None if shop == 4 and part > 2 else start + 420 + 240 * part
            kind = good if end else state
            rows.append((inner, f"Part {part}", kind, start + 430 + 200 * (part - 1), end))
    rows.append(((), "Compare totals", Status.QUEUED, None, None))
    return _steps(now, 95, rows)
