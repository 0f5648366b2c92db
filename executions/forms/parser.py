"""From a triple to a tree: which fields, in which order, with which words and rules.

`Reader` walks the form's entries as Angular Schema Form would and looks the properties up in the
schema. What it does not follow it notes. The rules are numbered in docs/operate/forms.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from executions.display.html_sanitizing import plain
from executions.forms.compiled_nodes import (
    Group,
    Leaf,
    Node,
    Option,
    Repeat,
    Shape,
    Text,
    looks_secret,
)
from executions.forms.condition_expressions import Condition, Unclear, both, parse_condition
from executions.forms.conditional_schema import Test, as_condition
from executions.forms.controls import FORM_TYPES, choose_control, kind_without_schema
from executions.forms.definition_intake import CannotShow, Triple
from executions.forms.files import accepted
from executions.forms.instance_nodes import MAX_ROWS
from executions.forms.json_path import EACH, MISSING, Path, dig, is_below, key_text, parse_key
from executions.forms.layout_entries import (
    CONTAINERS,
    IGNORED,
    button_text,
    copies_of,
    day_of,
    entry_type,
    hiding_of,
    listed_keys,
    merged_readonly,
    sections_of,
    without_expression,
    wording_for,
)
from executions.forms.options import options_for
from executions.forms.schema_dialects import compiled_pattern
from executions.forms.schema_navigator import MAX_DEPTH, Place, Schemas
from executions.forms.value_rules import count

MAX_FIELDS = 500
MAX_LAYOUT = 20  # groups inside each other
MAX_NOTES = 50

_YES_NO = (Option(True, "Yes"), Option(False, "No"))


@dataclass(frozen=True)
class Around:
    """What an entry inherits from the groups around it."""

    row: Path = ()
    tests: tuple[Test, ...] = ()
    unless: tuple[tuple[Test, ...], ...] = ()
    is_readonly: bool = False
    is_conditional: bool = False
    depth: int = 0


class Reader:
    """Reads one triple. Raises CannotShow."""

    def __init__(self, triple: Triple) -> None:
        self.triple = triple
        self.schemas = Schemas(triple.schema)
        self.root_names = self.schemas.names(self.schemas.root_shape)
        self.notes: list[str] = []
        self.submit_label = ""
        self.left_out = 0
        """Entries of the layout that say nothing we know."""
        self.count = 0
        self.seen: set[Path] = set()
        self.seen_always: set[Path] = set()
        self.listed = listed_keys(triple.form)

    def read(self) -> tuple[Node, ...]:
        return self.entries(self.triple.form, Around())

    def note(self, text: str) -> None:
        if text and text not in self.notes and len(self.notes) < MAX_NOTES:
            self.notes.append(text)

    def next_number(self) -> int:
        self.count += 1
        if self.count > MAX_FIELDS:
            raise CannotShow(f"it has more than {MAX_FIELDS} fields")
        return self.count

    # ------------------------------------------------------------------------------------ entries

    def entries(self, entries: Any, around: Around) -> tuple[Node, ...]:
        if around.depth > MAX_LAYOUT:
            raise CannotShow("its groups are nested too deeply")
        nodes: list[Node] = []
        for entry in entries if isinstance(entries, list) else []:
            if entry == "*" or entry == "...":
                nodes.extend(self.properties(around, skip=entry == "..."))
            elif isinstance(entry, str):
                nodes.extend(self.keyed(entry, {}, around))
            elif isinstance(entry, dict):
                nodes.extend(self.entry(entry, around))
            else:
                self.left_out += 1
                self.note("an entry of the layout is neither a key nor an object")
        return tuple(nodes)

    def properties(self, around: Around, *, skip: bool) -> list[Node]:
        """The default fields of the whole schema, or of those that are listed nowhere."""
        nodes: list[Node] = []
        for name in self.root_names:
            path = (name,)
            if path not in self.seen and not (skip and path in self.listed):
                nodes.extend(self.field(path, {}, around, is_default=True))
        return nodes

    def entry(self, entry: dict[str, Any], around: Around) -> list[Node]:
        kind = entry_type(entry)
        if kind == "actions":
            self.entries(entry.get("items"), replace(around, depth=around.depth + 1))
            return []
        if kind in ("submit", "button", "reset"):
            if kind == "submit" and not self.submit_label:
                self.submit_label = plain(entry.get("title", ""), 60)
            return []
        if "key" in entry and entry["key"] is not None:
            return self.keyed(entry["key"], entry, around)
        sections = sections_of(entry)
        if sections is not None:
            return [self.group(entry, sections, around)]
        words = wording_for(entry, "")
        if words.help and kind not in IGNORED:
            return [Text(words, self.condition(entry))]
        self.left_out += kind not in IGNORED
        self.note(f"an entry of type {kind or 'none'!r} without a key is left out")
        return []

    def group(self, entry: dict[str, Any], sections: list[Any], around: Around) -> Group:
        """A layout group; tabs and steps become sections on one page."""
        if entry_type(entry) not in CONTAINERS:
            self.note(f"the group type {entry_type(entry)!r} is drawn as a plain group")
        number = self.next_number()
        inner = self.inside(entry, around)
        return Group(
            number, wording_for(entry, ""), self.entries(sections, inner), (), self.condition(entry)
        )

    def inside(self, entry: dict[str, Any], around: Around) -> Around:
        is_readonly = entry.get("readonly") is True or entry.get("disabled") is True
        return replace(
            around,
            is_readonly=around.is_readonly or is_readonly,
            is_conditional=around.is_conditional or "condition" in entry,
            depth=around.depth + 1,
        )

    def condition(self, entry: dict[str, Any], place: Place | None = None) -> Condition | None:
        """That of the form, that of the schema, or both."""
        of_schema = None
        if place is not None and (place.tests or place.unless):
            of_schema = as_condition(place.tests, place.unless, self.schemas.validation)
        if entry.get("condition") is None:
            return of_schema
        try:
            of_form = parse_condition(entry["condition"])
        except Unclear as error:
            self.note(f"a condition cannot be evaluated here, so its field is shown: {error}")
            of_form = UNCLEAR
        return of_form if of_schema is None else both(of_schema, of_form)

    def demands(self, place: Place, attributes: dict[str, Any]) -> tuple[Condition, ...]:
        """When a field is required beyond what it always is; the form's word beats the schema's."""
        if isinstance(attributes.get("required"), bool):
            return ()
        validation = self.schemas.validation
        return tuple(as_condition(tests, (), validation) for tests in place.demands)

    # ------------------------------------------------------------------------------------- fields

    def keyed(self, key: Any, entry: dict[str, Any], around: Around) -> list[Node]:
        path = self.path_of(key, around)
        if path is None:
            self.note(f"the key {plain(str(key), 100)!r} is left out")
            return []
        return self.field(path, entry, around, is_default=False)

    def path_of(self, key: Any, around: Around) -> Path | None:
        """The path of a key; a property whose name holds dots is taken by its name."""
        if isinstance(key, str) and key in self.root_names:
            path: Path | None = (key,)
        else:
            path = parse_key(key)
        path = self.placed(path) if path else None
        if path is None or not around.row:
            return path if path and EACH not in path else None
        if not is_below(path, around.row):
            path = (*around.row, *path)  # a key that is relative to its row
        return path if EACH not in path[len(around.row) :] else None

    def placed(self, path: Path) -> Path | None:
        """`rows[0].name`: digits behind a list are a position in it, elsewhere a name."""
        found: Path = ()
        for part in path:
            if isinstance(part, str) and re.fullmatch("0|[1-9][0-9]*", part):
                place = self.schemas.find(found)
                is_list = place is not None and place.shape.kind == "array"
                if is_list or isinstance(dig(self.triple.model, found), list):
                    if len(part) > 3 or int(part) >= MAX_ROWS:
                        return None
                    part = int(part)
            found = (*found, part)
        return found

    def field(
        self, path: Path, entry: dict[str, Any], around: Around, *, is_default: bool
    ) -> list[Node]:
        places = self.places(path, entry, around)
        is_conditional = around.is_conditional or entry.get("condition") is not None
        is_conditional = is_conditional or bool(places[0].tests)
        if path in self.seen_always or (is_default and path in self.seen):
            if not is_default:
                self.note(f"{key_text(path)} is listed twice, the first one is drawn")
            return []
        self.seen.add(path)
        if not is_conditional:
            self.seen_always.add(path)
        if len(path) > MAX_DEPTH:
            raise CannotShow(f"it is nested more than {MAX_DEPTH} levels deep")
        own = places[-1].shape.rules.get("x-schema-form")
        attributes = {**(own if isinstance(own, dict) else {}), **entry}
        if entry_type(attributes) == "hidden":
            return []
        return [self.node(path, place, attributes, around) for place in places]

    def places(self, path: Path, entry: dict[str, Any], around: Around) -> list[Place]:
        """The schemas that a property may have here; at least one."""
        places = [
            self.with_example(place, path)
            if place.shape.kind == "any" or "type" not in place.shape.rules
            else place
            for place in self.schemas.places(path)
            if place.tests[: len(around.tests)] == around.tests
            and place.unless[: len(around.unless)] == around.unless
        ]
        return places or [Place(self.formless(entry), False)]

    def with_example(self, place: Place, path: Path) -> Place:
        """A schema without a type, guessed from the present value."""
        example = dig(self.triple.model, path)
        if place.shape.doubt or example is MISSING or place.shape.kind not in ("any", "string"):
            return place
        shape = self.schemas.shape(place.shape.rules, place.shape.trail, example)
        return replace(place, shape=replace(shape, is_nullable=place.shape.is_nullable))

    def formless(self, entry: dict[str, Any]) -> Shape:
        """The shape of a field that only the form knows: no rules, its own type."""
        options = options_for(Shape("string", {}), entry)
        kind = kind_without_schema(entry_type(entry), options)
        return Shape(kind, {"type": kind} if kind != "any" else {})

    def node(self, path: Path, place: Place, attributes: dict[str, Any], around: Around) -> Node:
        shape = place.shape
        if shape.doubt:
            self.note(f"{key_text(path)} is edited as JSON: {shape.doubt}")
        own_items = attributes.get("items")
        is_plain = FORM_TYPES.get(entry_type(attributes), "") == ""
        has_parts = isinstance(own_items, list) or bool(self.schemas.names(shape, path))
        if shape.kind == "object" and is_plain and has_parts:
            return self.object_group(path, place, attributes, around)
        if shape.kind == "array" and not shape.doubt:
            items = shape.rules.get("items")
            item_shape = self.schemas.shape(items, shape.trail) if isinstance(items, dict) else None
            options = options_for(item_shape or Shape("string", {}), attributes)
            if not options and item_shape and not own_hides_rows(entry_type(attributes)):
                return self.repeat(path, place, item_shape, attributes, around)
            return self.leaf(path, place, attributes, around, options)
        return self.leaf(path, place, attributes, around, options_for(shape, attributes))

    def object_group(
        self, path: Path, place: Place, attributes: dict[str, Any], around: Around
    ) -> Group:
        number, shape = self.next_number(), place.shape
        merged = {**shape.rules, **attributes}
        inner = self.inside(merged_readonly(shape, attributes), around)
        inner = replace(inner, tests=place.tests, unless=place.unless)
        return Group(
            number,
            wording_for(attributes, path, shape.rules),
            self.below(path, shape, merged.get("items"), inner),
            path,
            self.condition(attributes, place),
        )

    def below(self, path: Path, shape: Shape, items: Any, around: Around) -> tuple[Node, ...]:
        """The listed items of an object, or its properties where none are listed."""
        if isinstance(items, list):
            return self.entries(items, around)
        nodes: list[Node] = []
        for name in self.schemas.names(shape, path):
            nodes.extend(self.field((*path, name), {}, around, is_default=True))
        return tuple(nodes)

    def repeat(
        self, path: Path, place: Place, item: Shape, attributes: dict[str, Any], around: Around
    ) -> Repeat:
        number = self.next_number()
        shape, row = place.shape, (*path, EACH)
        attributes = without_expression(attributes)
        readonly = merged_readonly(shape, attributes)
        inner = replace(
            self.inside(readonly, around), row=row, tests=place.tests, unless=place.unless
        )
        listed = attributes.get("items")
        if isinstance(listed, list) and listed:
            items = self.entries(listed, inner)
        else:
            items = tuple(self.field(row, {"notitle": True}, inner, is_default=True))
        return Repeat(
            number, path, shape, wording_for(attributes, path, shape.rules), unwrapped(items, row),
            item, button_text(attributes, "add"), button_text(attributes, "remove"),
            count(shape.rules, "minItems") or 0, count(shape.rules, "maxItems"),
            attributes.get("startEmpty") is True, inner.is_readonly,
            self.is_required(place, attributes), attributes.get("required") is False,
            self.condition(attributes, place), self.demands(place, attributes),
        )  # fmt: skip

    def leaf(
        self, path: Path, place: Place, attributes: dict[str, Any], around: Around,
        options: tuple[Option, ...],
    ) -> Leaf:  # fmt: skip
        shape, form_type = place.shape, entry_type(attributes)
        is_required = self.is_required(place, attributes)
        usual = shape.rules.get("default", MISSING) if place.tests else MISSING
        default = attributes.get("default", usual)
        is_undecided = (
            is_required
            and default is MISSING
            and "default" not in shape.rules
            and dig(self.triple.model, path) in (MISSING, None)
        )
        control, remark = choose_control(shape, form_type, options, is_undecided=is_undecided)
        if control == "text" and looks_secret(path):
            control = "password"
        if shape.kind == "boolean" and control == "radios" and not options:
            options = _YES_NO
        wording = wording_for(attributes, path, shape.rules)
        named = f"Field “{wording.title}”" if wording.title else key_text(path)
        self.note(f"{named}: {remark}" if remark else "")
        pattern = shape.rules.get("pattern")
        if isinstance(pattern, str) and compiled_pattern(pattern) is None:
            self.note(f"{named}: its pattern is not checked here")
        readonly = self.inside(merged_readonly(shape, attributes), around).is_readonly
        return Leaf(
            self.next_number(), path, control, shape, wording,
            is_required, attributes.get("required") is False, readonly, options, default,
            self.condition(attributes, place), self.demands(place, attributes),
            hiding_of(attributes), plain(attributes.get("format", "")),
            day_of(attributes, "minDate"), day_of(attributes, "maxDate"), copies_of(attributes),
            accepted(attributes, shape.rules),
        )  # fmt: skip

    def is_required(self, place: Place, attributes: dict[str, Any]) -> bool:
        """The form's word beats the schema's, both ways."""
        own = attributes.get("required")
        return own if isinstance(own, bool) else place.is_required


def _never_clear(scope: object) -> Any:
    raise Unclear("the expression was not understood")


UNCLEAR = Condition("", _never_clear)


def own_hides_rows(form_type: str) -> bool:
    """A type that draws a list as one field."""
    return FORM_TYPES.get(form_type, "") in ("text", "textarea", "file") and form_type != "string"


def unwrapped(items: tuple[Node, ...], row: Path) -> tuple[Node, ...]:
    """The fields of a row without the group that is the row itself."""
    if len(items) == 1 and isinstance(items[0], Group) and items[0].path == row:
        return items[0].items
    return items
