"""The scenarios of simulated Smart Flows, and the mixture that makes a believable morning."""

from collections.abc import Callable
from typing import Any

from providers.demo.simulator import GOES_ON_AFTER
from providers.demo.smartflows.blocks import Branch, Iteration, Leaf
from providers.demo.smartflows.forms import (
    FormMaker,
    customer_details,
    damage_report,
    delivery_choice,
    document_review,
    garbage,
    hostile_texts,
    kind_of_customer,
    lease_details,
)
from providers.demo.smartflows.runs import REMOVED, Recipe
from providers.demo.trade import ERP_AWAY

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


def erp_away(seconds: float = 6.0) -> Recipe:
    booking = Leaf("Booking", seconds, fate="Error", text=f"Booking: {ERP_AWAY}")
    return Recipe(
        [Leaf("Collect data", seconds), booking, Leaf("Send mail", fate="Skipped")], "Error"
    )


def picked_and_packed(seconds: float = 9.0, parts: int = 12) -> Recipe:
    """Goes to and fro between the flow and the people in the warehouse."""
    blocks: list[Any] = [Leaf("Collect the order", seconds)]
    for part in range(1, parts + 1):
        text = f"Part {part} of {parts} is being picked"
        blocks += [
            Leaf("Wait for the warehouse", seconds, "Waiting", text=text),
            Leaf(f"Picking list {part} of {parts}", seconds),
        ]
    note = (("document", "Delivery note", "pdf"),)
    return Recipe([*blocks, Leaf("Generating Document", seconds, makes=note)])


def printed_in_batches(seconds: float = 9.5, parts: int = 15) -> Recipe:
    """One document after the other, each as soon as the print shop is free."""
    blocks: list[Any] = []
    for part in range(1, parts + 1):
        made = (("letter", f"Renewal letter {part}", "pdf"),)
        blocks += [
            Leaf(f"Generating Document {part} of {parts}", seconds, makes=made),
            Leaf("Wait for the print shop", seconds, "Waiting", text=f"Letter {part} of {parts}"),
        ]
    return Recipe([*blocks, Leaf("Store in archive", seconds)])


def waiting_esign(seconds: float = GOES_ON_AFTER) -> Recipe:
    sign = Leaf("Wait for signature", seconds, "Waiting", text="E-sign: 2 of 3 people have signed")
    made = (("contract", "Supplier contract", "pdf"),)
    return Recipe(
        [Leaf("Generating Document", makes=made), sign, Leaf("Store signed document", 2.0)]
    )


def asking(
    *forms: FormMaker, seconds: float = GOES_ON_AFTER, title: str = "Collecting details"
) -> Recipe:
    blocks: list[Any] = [Leaf("Collect data", 1.0)]
    for number, form in enumerate(forms, 1):
        page = title if number == 1 else f"{title}, page {number}"
        blocks += [Leaf(page, seconds, "UserInput", form=form), Leaf("Checking answers", 1.0)]
    blocks.append(Leaf("Generating Document", 2.0, makes=(("document", "Agreement", "docx"),)))
    return Recipe(blocks)


def one_round_form(seconds: float = GOES_ON_AFTER) -> Recipe:
    return asking(lease_details, seconds=seconds)


def two_round_form(seconds: float = GOES_ON_AFTER) -> Recipe:
    return asking(kind_of_customer, customer_details, seconds=seconds, title="Kind of customer")


def big_form(seconds: float = GOES_ON_AFTER) -> Recipe:
    return asking(damage_report, seconds=seconds, title="Report of the damage")


def choice_form(seconds: float = GOES_ON_AFTER) -> Recipe:
    return asking(delivery_choice, seconds=seconds, title="Deliver in parts?")


def review_form(seconds: float = GOES_ON_AFTER) -> Recipe:
    return asking(document_review, seconds=seconds, title="Review of the offer")


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
        choice_form,
        review_form,
        picked_and_packed,
        printed_in_batches,
        erp_away,
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

ASKS = ("one_round_form", "two_round_form", "big_form", "choice_form", "review_form", "select_flow")
IN_PARTS = ("picked_and_packed", "printed_in_batches")

# flow name, what starts it, and its scenarios with their weights in the demo
CATALOG: list[tuple[str, str, dict[str, int]]] = [
    ("Lease contract", "user", {"one_round_form": 3, "with_documents": 3}),
    ("Renewal letters", "none", {"printed_in_batches": 26, "failing": 1, "interrupted": 1}),
    ("Claim assessment", "user", {"big_form": 2, "canceled_elsewhere": 1}),
    ("New customer", "user", {"two_round_form": 2}),
    ("Contract to signature", "none", {"waiting_esign": 4, "quick_success": 2}),
    ("Delivery note", "plugin", {"picked_and_packed": 32, "erp_away": 1, "queued_long": 1}),
    ("Dangerous goods declaration", "plugin", {"long_running": 6, "failing": 1}),
    ("Quarterly claims report", "none", {"nested_report": 4}),
    ("Offer", "user", {"review_form": 2, "select_flow": 0}),
    ("Partial delivery", "plugin", {"choice_form": 2}),
    ("Auftragsbestätigung", "plugin", {"quick_success": 7, "canceled_elsewhere": 1}),
    ("Réponse garantie", "none", {"answered_elsewhere": 2, "with_documents": 3}),
]
# what waits already when somebody opens the demo: scenario, minutes ago
STANDING = (
    ("big_form", 38), ("select_flow", 29), ("waiting_esign", 22), ("review_form", 16),
    ("two_round_form", 9), ("one_round_form", 6), ("failing", 4), ("choice_form", 3),
    ("queued_long", 1), ("erp_away", 1),
)  # fmt: skip
