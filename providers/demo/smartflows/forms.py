"""Forms that simulated Smart Flows runs put to people: schema, form and model.

Shapes after the vendor's page on monitoring (seed) and, where it is silent, the conventions of the
angular-schema-form family it plainly uses: `titleMap`, `condition`, `readonly` (November 2026).
"""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HTML = "<script>document.title='owned'</script>"
HX = "<b hx-get='/accounts/logout/' hx-trigger='load'>urgent</b>"


@dataclass
class Form:
    """What the progress carries while a person is asked. Garbage where a scenario wants it."""

    schema: Any
    form: Any
    model: Any

    @property
    def keys(self) -> list[str]:
        schema = self.schema if isinstance(self.schema, dict) else {}
        return list(schema.get("properties", {}))


FormMaker = Callable[[random.Random, list[dict[str, Any]]], Form]


class Draft:
    """Collects fields; keys are `{block}_{field}`, two UUIDs, as in the seed."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.block = self._uuid()
        self.properties: dict[str, Any] = {}
        self.model: dict[str, Any] = {}
        self.required: list[str] = []

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def property(self, value: Any = None, *, required: bool = False, **schema: Any) -> str:
        """Add a property; returns its key."""
        key = f"{self.block}_{self._uuid()}"
        self.properties[key] = schema
        if value is not None:
            self.model[key] = value
        if required:
            self.required.append(key)
        return key

    def field(
        self,
        title: str,
        widget: str = "text",
        value: Any = None,
        *,
        required: bool = False,
        shown: dict[str, Any] | None = None,
        **schema: Any,
    ) -> dict[str, Any]:
        """Add a property and return its entry in the form."""
        key = self.property(value, required=required, **(schema or {"type": "string"}))
        entry = {"key": key, "title": title, "description": "", "type": widget}
        return {**entry, **(shown or {})}

    def finish(self, *form: Any) -> Form:
        schema: dict[str, Any] = {"type": "object", "properties": self.properties}
        if self.required:
            schema["required"] = self.required
        return Form(schema, list(form), self.model)


def section(title: str, *items: Any) -> dict[str, Any]:
    return {"title": title, "htmlClass": "bl-1 bt-1 px-3 pt-2 border-gray-3", "items": list(items)}


def choices(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"titleMap": [{"value": value, "name": name} for value, name in pairs]}


def lease_details(chance: random.Random, answers: list[dict[str, Any]]) -> Form:
    draft = Draft(chance)
    return draft.finish(
        section(
            "Tenant",
            draft.field("City", "Enter some text here", "Oslo", required=True),
            draft.field("Moves in on", "date", type="string", format="date"),
            draft.field("Furnished", "checkbox", False, type="boolean"),
        )
    )


def kind_of_customer(chance: random.Random, answers: list[dict[str, Any]]) -> Form:
    draft = Draft(chance)
    kinds = choices(("private", "Private person"), ("business", "Business"))
    return draft.finish(
        section(
            "Customer",
            draft.field(
                "Kind of customer",
                "select",
                "private",
                required=True,
                shown=kinds,
                type="string",
                enum=["private", "business"],
            ),
        )
    )


def customer_details(chance: random.Random, answers: list[dict[str, Any]]) -> Form:
    """The second round: asks other things of a business than of a private person."""
    draft = Draft(chance)
    business = bool(answers) and "business" in answers[-1].values()
    if business:
        return draft.finish(
            section(
                "Company",
                draft.field("Company name", required=True),
                draft.field("VAT number", type="string", pattern="^[A-Z]{2}[0-9A-Z]{8,12}$"),
            )
        )
    return draft.finish(
        section(
            "Person",
            draft.field("Full name", required=True),
            draft.field("Date of birth", "date", type="string", format="date"),
        )
    )


def delivery_choice(chance: random.Random, answers: list[dict[str, Any]]) -> Form:
    draft = Draft(chance)
    ways = choices(
        ("partial", "Send what is there now"),
        ("wait", "Wait until everything is there"),
        ("replace", "Send a similar article instead"),
    )
    return draft.finish(
        section(
            "An article is out of stock",
            draft.field(
                "How shall the order be delivered?",
                "radios",
                required=True,
                shown=ways,
                type="string",
                enum=["partial", "wait", "replace"],
            ),
            draft.field("Message to the customer", "textarea", type="string", maxLength=500),
        )
    )


def document_review(chance: random.Random, answers: list[dict[str, Any]]) -> Form:
    draft = Draft(chance)
    results = choices(("send", "Send it"), ("correct", "Correct it first"))
    return draft.finish(
        section(
            "Document",
            draft.field("Document", value="Offer, 3 pages (PDF)", shown={"readonly": True}),
            draft.field("Language", value="German", shown={"readonly": True}),
        ),
        section(
            "Review",
            draft.field(
                "Result",
                "radios",
                required=True,
                shown=results,
                type="string",
                enum=["send", "correct"],
            ),
            draft.field("Pages to correct", "number", type="integer", minimum=1, maximum=3),
            draft.field("What is to be corrected", "textarea", type="string", maxLength=1000),
        ),
    )


def damage_report(chance: random.Random, answers: list[dict[str, Any]]) -> Form:
    """Every kind of field at once, with nested sections and one property nobody sees."""
    draft = Draft(chance)
    draft.property("CLM-2026-004711", type="string")  # hidden: in the schema alone
    cause = draft.field(
        "Cause of damage",
        "select",
        "water",
        required=True,
        shown=choices(("water", "Water pipe"), ("fire", "Fire"), ("other", "Something else")),
        type="string",
        enum=["water", "fire", "other"],
    )
    other = {"condition": f"model['{cause['key']}'] === 'other'"}
    extent: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 5_000_000}
    names = ["cellar", "kitchen", "attic"]
    rooms: dict[str, Any] = {"type": "array", "items": {"type": "string", "enum": names}}
    return draft.finish(
        {"type": "help", "helpvalue": "<p>Please fill in what the expert found.</p>"},
        section(
            "Claim",
            draft.field("Claim number", value="CLM-2026-004711", shown={"readonly": True}),
            draft.field("Inspected on", "date", "2026-11-20", type="string", format="date"),
            section("Cause", cause, draft.field("Which cause", shown=other)),
        ),
        section(
            "Extent",
            draft.field("Estimated damage (EUR)", "number", 12500.5, required=True, **extent),
            draft.field("Rooms affected", "number", 2, type="integer", minimum=0, maximum=99),
            draft.field("Which rooms", "checkboxes", ["kitchen"], **rooms),
            draft.field("Police informed", "checkbox", True, type="boolean"),
            draft.field("What happened", "textarea", type="string", maxLength=2000),
        ),
        {"type": "submit", "title": "Send"},
    )


def hostile_texts(chance: random.Random, answers: list[dict[str, Any]]) -> Form:
    draft = Draft(chance)
    shown = {"description": f"{HX}{HTML}", "htmlClass": '" onmouseover="alert(1)', "help": HTML}
    tricky = choices((f"a{HTML}", f"A {HX}"), ("b", "B"))
    return draft.finish(
        section(
            f"Approval {HTML}",
            draft.field(
                f"Amount {HX}", "text", f'"><img src=x onerror=alert(1)>{HTML}', shown=shown
            ),
            draft.field(
                f"Choice {HTML}", "select", shown=tricky, type="string", enum=[f"a{HTML}", "b"]
            ),
        )
    )


def garbage(chance: random.Random, answers: list[dict[str, Any]]) -> Form:
    return Form("<<< not a schema", {"oops": [3, None]}, [1, 2])
