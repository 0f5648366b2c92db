"""The scenarios of simulated Smart Flows, and the mixture that makes a believable morning."""

from collections.abc import Callable
from typing import Any

from providers.demo.smartflows.blocks import Branch, Iteration, Leaf
from providers.demo.smartflows.forms import (
    FormMaker,
    customer_details,
    damage_report,
    garbage,
    hostile_texts,
    kind_of_customer,
    lease_details,
)
from providers.demo.smartflows.runs import REMOVED, Recipe
from providers.demo.world import GOES_ON_AFTER

SOMEONE = {
    "id": "77a1c0de-0001-4b1f-9a55-000000000042",
    "displayName": "Mira Olsen",
    "type": "user",
}
REASON = "Template 'Renewal letter v12' uses the field 'policy.endDate', which the data set lacks."


def quick_success(seconds: float = 3.0) -> Recipe:
    return Recipe(
        [
            Leaf("Collect data", seconds / 3),
            Leaf("Generating Document", seconds / 3, makes=(("document", "Letter", "pdf"),)),
            Leaf("Store in archive", seconds / 3),
        ]
    )


def nested_report(seconds: float = 2.0) -> Recipe:
    """Conditions, a switch and a catch that ran, after two records of their own."""
    records = [("a0c4", "Policy 4711"), ("2", "Policy 4712 / annex")]
    made = (("letter", "Renewal letter", "docx"),)
    mail = Branch(
        "try",
        "Guarded mail",
        [Leaf("Send mail", seconds, fate="Error", text="SMTP connection refused")],
        catch=[Leaf("Print and post instead", seconds)],
        error="SMTP connection refused",
    )
    region = Branch("switch", "By region", [Leaf("Add Nordic annex", seconds)], result="nordic")
    return Recipe(
        [
            Branch("condition", "Has open claims?", [Leaf("Warn adjuster", fate="Skipped")], False),
            Branch("condition", "Is a customer of long standing?", [region, mail], True),
            Leaf("Store in archive", seconds),
        ],
        "Warning",
        [Iteration(id_, name, [Leaf("Merge data", seconds, makes=made)]) for id_, name in records],
    )


def failing(seconds: float = 2.0) -> Recipe:
    broken = Leaf("Generating Document", seconds, fate="Error", text=REASON)
    never = Leaf("Send mail", fate="Skipped")
    return Recipe([Leaf("Collect data", seconds), broken, never], "Error")


def waiting_esign(seconds: float = GOES_ON_AFTER) -> Recipe:
    sign = Leaf("Wait for signature", seconds, "Waiting", text="E-sign: 2 of 3 people have signed")
    made = (("contract", "Supplier contract", "pdf"),)
    return Recipe(
        [Leaf("Generating Document", makes=made), sign, Leaf("Store signed document", 2.0)]
    )


def asking(*forms: FormMaker, seconds: float = GOES_ON_AFTER) -> Recipe:
    blocks: list[Any] = [Leaf("Collect data", 1.0)]
    for number, form in enumerate(forms, 1):
        title = "Collecting details" if number == 1 else f"Collecting details, page {number}"
        blocks += [Leaf(title, seconds, "UserInput", form=form), Leaf("Checking answers", 1.0)]
    blocks.append(Leaf("Generating Document", 2.0, makes=(("document", "Agreement", "docx"),)))
    return Recipe(blocks)


def one_round_form(seconds: float = GOES_ON_AFTER) -> Recipe:
    return asking(lease_details, seconds=seconds)


def two_round_form(seconds: float = GOES_ON_AFTER) -> Recipe:
    return asking(kind_of_customer, customer_details, seconds=seconds)


def big_form(seconds: float = GOES_ON_AFTER) -> Recipe:
    return asking(damage_report, seconds=seconds)


def html_in_texts(seconds: float = GOES_ON_AFTER) -> Recipe:
    recipe = asking(hostile_texts, seconds=seconds)
    recipe.blocks.insert(0, Leaf("<script>alert('step')</script>", 0.5))
    return recipe


def unparsable_form(seconds: float = GOES_ON_AFTER) -> Recipe:
    return asking(garbage, seconds=seconds)


def answered_elsewhere(seconds: float = 8.0) -> Recipe:
    """After these seconds somebody answers in the vendor's own panel."""
    return asking(lease_details, seconds=seconds)


def select_flow(seconds: float = GOES_ON_AFTER) -> Recipe:
    return Recipe([Leaf("Select the flow to run", seconds, "SelectFlow"), Leaf("Collect data")])


def interrupted(seconds: float = 30.0) -> Recipe:
    return Recipe([Leaf("Waiting for the data source", seconds)], "Interrupted")


def canceled_elsewhere(seconds: float = 12.0) -> Recipe:
    steps: list[Any] = [Leaf("Collect data", 1.0), Leaf("Generating Document", seconds)]
    return Recipe(steps, "Canceled", stopped_by=SOMEONE)


def queued_long(seconds: float = 300.0) -> Recipe:
    return Recipe([Leaf("Generating Document", 4.0)], queued=seconds)


def long_running(seconds: float = 120.0) -> Recipe:
    return Recipe([Leaf(f"Generating Document {n} of 10", seconds / 10) for n in range(1, 11)])


def with_documents(seconds: float = 3.0) -> Recipe:
    several = (
        ("attachments", "Kündigung 3/4: Müller & Söhne", "pdf"),
        ("attachments", "../../Übersicht <b>", "html"),
    )
    return Recipe(
        [
            Leaf("Generating Document", seconds / 2, makes=(("lease", "Lease Oslo 12", "docx"),)),
            Leaf("Convert", seconds / 2, makes=several),
        ]
    )


ODD: dict[str, dict[str, Any]] = {
    "quantum": {"status": "Quantum", "createdAt": "0000-13-45T99:99:99Z", "modifiedAt": REMOVED},
    "nameless": {"flow": {"displayName": "Na\0me"}, "createdBy": REMOVED, "message": None},
    "far": {"createdAt": "9999-12-31T23:59:59.999Z", "modifiedAt": "1601-01-01T00:00:00"},
    "bare": {"flow": None, "status": REMOVED, "createdAt": REMOVED, "percentage": "4711"},
}


def absurd(seconds: float = 30.0, variant: str = "") -> Recipe:
    """What no documentation promises. All oddities at once, or one `variant` of `ODD`."""
    at_once = {**ODD["nameless"], **ODD["quantum"], "percentage": 4711}
    odd = ODD[variant] if variant else at_once
    return Recipe([Leaf("Na\0me", seconds)], odd=odd)


SCENARIOS: dict[str, Callable[..., Recipe]] = {
    each.__name__: each
    for each in (
        quick_success,
        nested_report,
        failing,
        waiting_esign,
        one_round_form,
        two_round_form,
        big_form,
        html_in_texts,
        unparsable_form,
        answered_elsewhere,
        select_flow,
        interrupted,
        canceled_elsewhere,
        queued_long,
        long_running,
        with_documents,
        absurd,
    )
}

# flow name, what starts it, and its scenarios with their weights in the demo
CATALOG: list[tuple[str, str, dict[str, int]]] = [
    ("Lease contract", "user", {"one_round_form": 6, "with_documents": 4}),
    ("Policy renewal letter", "none", {"quick_success": 20, "failing": 2, "interrupted": 1}),
    ("Claims assessment", "user", {"big_form": 4, "canceled_elsewhere": 1}),
    ("New customer", "user", {"two_round_form": 5}),
    ("Supplier contract", "none", {"waiting_esign": 5, "quick_success": 3}),
    ("Delivery note", "plugin", {"quick_success": 24, "failing": 1, "queued_long": 1}),
    ("Dangerous goods declaration", "plugin", {"long_running": 5, "failing": 2}),
    (
        "Quarterly claims bordereau for the reinsurance treaty department, with loss triangles, "
        "reserve commentary and the reconciliation of ceded premiums (all lines of business)",
        "none",
        {"nested_report": 4, "failing": 1},
    ),
    ("見積書作成(東京支店)", "plugin", {"quick_success": 8, "canceled_elsewhere": 1}),
    ("Warranty answer", "none", {"answered_elsewhere": 2, "with_documents": 4}),
]
