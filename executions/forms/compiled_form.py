"""A compiled form: what it asks for, bound to typed values, and back to the body to send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import cached_property
from typing import Any

from executions.display.html_sanitizing import plain
from executions.forms.answer_summary import in_words
from executions.forms.compiled_nodes import Leaf, Node, Repeat, every, looks_secret
from executions.forms.condition_expressions import Condition
from executions.forms.conditional_schema import COMBINING
from executions.forms.definition_intake import CannotShow
from executions.forms.django_form import AnswerForm
from executions.forms.draft_carry_over import changed_rows, collected, differences, fitting_value
from executions.forms.files import data_url
from executions.forms.form_instance import NAME, Drawing
from executions.forms.json_path import EACH, Path, complained, key_text
from executions.forms.schema_navigator import Schemas, explicit, with_defaults
from executions.forms.secret_masking import masked, masked_part, passwords_in, secret_texts
from executions.forms.validation import TooMuch
from executions.forms.validation_error_placement import missing
from executions.forms.value_codec import CHOICE_CONTROLS

TOOLS = ("_add", "_remove", "_move", "_redraw")
DEFAULT_SUBMIT = "Send answer"

QuickChoice = tuple[str, str, bool]


class CompiledForm:
    """Made by `compile_triple`. With a `problem` it asks for nothing and binds to nothing."""

    def __init__(
        self, nodes: tuple[Node, ...] = (), schemas: Schemas | None = None, model: Any = None,
        *, problem: str = "", notes: Iterable[str] = (), submit_label: str = "",
    ) -> None:  # fmt: skip
        self.nodes = nodes
        self.schemas = schemas or Schemas({})
        self.model = model if isinstance(model, dict) else {}
        self.start = with_defaults(self.schemas, deepcopy(self.model), self.schemas.root_shape)
        self.problem = problem
        self.notes = list(notes)
        self.submit_label = submit_label or DEFAULT_SUBMIT
        self.by_number: dict[int, Leaf | Repeat] = {
            node.number: node for node in every(nodes) if isinstance(node, Leaf | Repeat)
        }
        self.redrawing = frozenset(self._redrawing())

    @cached_property
    def unchecked(self) -> list[str]:
        """Rules of the schema that are not checked here, for people to read."""
        validation = self.schemas.validation
        rules = [*self.schemas.unfollowed, *validation.unchecked]
        try:
            validation.errors(self.start)
        except TooMuch:
            rules.append("rules with too many steps")
        return [plain(rule, 100) for rule in dict.fromkeys(rules)]

    # ---------------------------------------------------------------------------- bound and back

    def bind(
        self, data: Any = None, files: Any = None, typed: Mapping[str, Any] | None = None,
        prefix: str = "", *, refuses_empty: bool = True,
    ) -> AnswerForm:  # fmt: skip
        """The form with initial values, over them `typed` (a draft), over them what was posted.

        A post that only wants the form drawn again gives an unbound form, without complaints.
        `refuses_empty`: whether "" is no answer to what is needed.
        """
        given = self.typed(typed or {})
        is_final = data is not None and not self.wants_redraw(data)
        if data is not None:
            given |= self.typed(data, files, prefix)
        if is_final:
            given |= self._copied(given)
        drawing = self._drawing(given)
        return AnswerForm(
            drawing, is_bound=is_final, prefix=prefix, quick=self.quick_name,
            redrawing=self.redrawing, refuses_empty=refuses_empty,
        )  # fmt: skip

    def wants_redraw(self, data: Any) -> bool:
        """Whether a post came from a row's button or a condition, not from the submit button."""
        return any(tool in data for tool in TOOLS)

    def body(self, form: AnswerForm, *, complete: bool = False) -> dict[str, Any]:
        """The whole body of a valid form. `complete` adds an explicit empty value for every
        property of the schema that has none, for providers that blank what is left out."""
        body = form.body()
        if complete:
            body = explicit(self.schemas, body, self.schemas.root_shape)
        return dict(body)

    def complaints_about(
        self, body: dict[str, Any], *, refuses_empty: bool = True
    ) -> list[tuple[str, str]]:
        """What a page would refuse in a body that was not typed into one: path and sentence, ""
        for the whole. Of a form, or of lists, that no page can hold nothing is known."""
        try:
            drawing = Drawing(self.nodes, self.schemas, body, {})
        except CannotShow:
            return []
        form = AnswerForm(
            drawing, is_bound=True, prefix="", quick="", redrawing=frozenset(),
            refuses_empty=refuses_empty, asked=self.start,
        )  # fmt: skip
        paths = {name: key_text(drawn.path) for name, drawn in form.by_name.items()}
        return [(paths.get(name, ""), str(each[0])) for name, each in form.errors.items()]

    def lacks(self, body: Any) -> list[str]:
        """Properties the schema demands and the body lacks. A warning: the provider decides."""
        try:
            errors = self.schemas.validation.errors(body)
        except TooMuch:
            return []
        paths = [(*each.absolute_path, name) for each in errors for name in missing(each)]
        return [key_text(path) for path in dict.fromkeys(paths)][:20]

    def _drawing(self, given: Mapping[str, Any]) -> Drawing:
        try:
            return Drawing(self.nodes, self.schemas, self.start, given)
        except CannotShow:  # more rows than the page can hold were made up
            return Drawing(self.nodes, self.schemas, self.start, {})

    def _copied(self, given: dict[str, Any]) -> dict[str, Any]:
        """`copyValueTo`: the text goes to every untouched target that has a field."""
        copies: dict[str, Any] = {}
        if not any(isinstance(node, Leaf) and node.copies_to for node in self.by_number.values()):
            return copies
        leaves = list(self._drawing(given).leaves())
        for source in leaves:
            for path in source.leaf.copies_to:
                for target in leaves:
                    is_same_kind = isinstance(target.typed, str) and isinstance(source.typed, str)
                    if target.path == path and target.is_untouched and is_same_kind:
                        copies[target.name] = source.typed
        return copies

    # ------------------------------------------------------------------------------------- drafts

    def typed(self, data: Any, files: Any = None, prefix: str = "") -> dict[str, Any]:
        """What a post holds for our fields, row buttons carried out: JSON, to keep as a draft.

        Files become data URLs. A file input that was left alone is not in it.
        """
        typed: dict[str, Any] = {}
        for key in list(data):
            name, node = self._known(key, prefix)
            if node is not None:
                values = data.getlist(key) if hasattr(data, "getlist") else data[key]
                typed[name] = collected(node, values)
        for key in list(files or ()):
            name, node = self._known(key, prefix)
            if isinstance(node, Leaf) and node.control == "file" and files[key]:
                typed[name] = data_url(files[key])
        return self._after_tools(typed, data)

    def _known(self, key: Any, prefix: str) -> tuple[str, Leaf | Repeat | None]:
        name = str(key)
        if prefix:
            name = name.removeprefix(f"{prefix}-") if name.startswith(f"{prefix}-") else ""
        match = NAME.fullmatch(name)
        return name, self.by_number.get(int(match[1])) if match else None

    def _after_tools(self, typed: dict[str, Any], data: Any) -> dict[str, Any]:
        for tool in ("_add", "_remove", "_move"):
            value = data.get(tool) if tool in data else None
            if not isinstance(value, str):
                continue
            name, _, rest = value.partition(":")
            drawing = self._drawing(typed)
            lists = {d.name: d for d in drawing.every() if isinstance(d.node, Repeat)}
            if name in lists and not lists[name].repeat.is_readonly:
                tokens = [row.token for row in lists[name].rows]
                is_full = drawing.drawn > 900  # keeps a margin below the limit of a page
                typed[name] = ",".join(changed_rows(lists[name], tokens, tool, rest, is_full))
        return typed

    def carry_over(self, other: CompiledForm, typed: Mapping[str, Any]) -> dict[str, Any]:
        """Typed values of an older form that still fit this one: same property, same control;
        options by their value. Rows the new list does not have become added rows."""
        by_path: dict[tuple[Path, type], list[int]] = {}
        for number, node in self.by_number.items():
            by_path.setdefault((node.path, type(node)), []).append(number)
        carried: dict[str, Any] = {}
        for name, value in typed.items():
            match = NAME.fullmatch(str(name))
            old = other.by_number.get(int(match[1])) if match else None
            numbers = by_path.get((old.path, type(old)), []) if old is not None else []
            if match is None or old is None or not numbers:
                continue
            new = self.by_number[numbers[0]]
            fitting = fitting_value(old, new, value)
            if fitting is not None:
                carried[f"f{new.number}{match[2]}"] = fitting
        return self._with_existing_rows(carried)

    def differences(self, other: CompiledForm) -> list[str]:
        """What is new, gone or different compared with an older form, for a person's eyes."""
        return differences(self.by_number.values(), other.by_number.values())

    def _with_existing_rows(self, typed: dict[str, Any]) -> dict[str, Any]:
        """Row tokens of the first level that point behind the list's end become added rows."""
        lengths: dict[Path, int] = {}
        for drawn in self._drawing({}).every():
            if not isinstance(drawn.node, Repeat):
                continue
            lengths[drawn.repeat.path] = len(drawn.start) if isinstance(drawn.start, list) else 0

        def renamed(token: str, path: Path) -> str:
            is_gone = token.isdigit() and int(token) >= lengths.get(path, 0)
            return f"n{int(token) + 500}" if is_gone and int(token) < 400 else token

        result = {}
        for name, value in typed.items():
            base, *tokens = name.split("_")
            node = self.by_number[int(base[1:])]
            if isinstance(node, Repeat) and not tokens and isinstance(value, str):
                value = ",".join(renamed(token, node.path) for token in value.split(","))
            if tokens and EACH in node.path:
                tokens[0] = renamed(tokens[0], node.path[: node.path.index(EACH)])
            result["_".join((base, *tokens))] = value
        return result

    # --------------------------------------------------------------------------- what pages ask for

    @property
    def secret_names(self) -> frozenset[str]:
        """Fields with a password's type or a secret's name; in rows their names go on with `_`."""
        leaves = (node for node in self.by_number.values() if isinstance(node, Leaf))
        return frozenset(f"f{leaf.number}" for leaf in leaves if leaf.is_secret)

    def masked(self, body: Any) -> Any:
        """The body for people to look at: secrets replaced."""
        return masked(body, self._is_secret)

    def in_words(self, body: Any) -> list[tuple[str, str]]:
        """What a masked body says to people: titles for names, labels for values."""
        return in_words(self.by_number.values(), body)

    def masked_triple(self, question: Any) -> dict[str, Any]:
        """The parts of a question as they came, without secrets: for people and programs. Those of
        a form that cannot be shown as well."""
        unseen = passwords_in(question.form)

        def is_secret(path: Path) -> bool:
            general = tuple(EACH if isinstance(part, int) else part for part in path)
            return general in unseen or self._is_secret(path)

        names = ("schema", "form", "model")
        return {name: masked_part(name, getattr(question, name), is_secret) for name in names}

    def secrets_of(self, body: Any) -> list[str]:
        """The texts in a body that nobody may see again, also where a provider repeats them."""
        return list(secret_texts(body, self._is_secret))

    def _is_secret(self, path: Path) -> bool:
        general = tuple(EACH if isinstance(part, int) else part for part in path)
        leaves = (node for node in self.by_number.values() if isinstance(node, Leaf))
        return looks_secret(path) or any(leaf.is_secret and leaf.path == general for leaf in leaves)

    @property
    def quick_name(self) -> str:
        """The field that can be answered by one button per option, "" where there is none."""
        leaf = self._quick_leaf()
        return f"f{leaf.number}" if leaf else ""

    @property
    def quick_choices(self) -> list[QuickChoice]:
        """(posted value, label, is_danger) for buttons named `quick_name`; [] without one."""
        leaf = self._quick_leaf()
        if leaf is None:
            return []
        if leaf.control == "checkbox":
            return [("1", "Yes", False), ("", "No", False)]
        return [(str(i), o.label, o.is_danger) for i, o in enumerate(leaf.options)]

    @property
    def quick_note(self) -> tuple[str, str]:
        """Name and title of the remark beside the quick buttons, ("", "") where none is taken."""
        choice = self._quick_leaf()
        for leaf in self.by_number.values() if choice else ():
            if leaf is not choice and isinstance(leaf, Leaf):
                return f"f{leaf.number}", leaf.words.title
        return "", ""

    def _quick_leaf(self) -> Leaf | None:
        """The one choice of a form that asks for nothing else but perhaps a remark."""
        nodes = list(self.by_number.values())
        if len(nodes) > 2 or any(node.condition is not None for node in every(self.nodes)):
            return None
        if self.unchecked or any(word in self.schemas.root for word in COMBINING):
            return None  # what else is asked may depend on the choice
        leaves = [node for node in nodes if isinstance(node, Leaf) and not node.is_readonly]
        choices = [
            leaf
            for leaf in leaves
            if leaf.control == "checkbox"
            or (leaf.control in CHOICE_CONTROLS and 2 <= len(leaf.options) <= 4)
        ]
        others = [leaf for leaf in leaves if leaf not in choices]
        is_simple = all(o.control in ("text", "textarea") and not o.is_required for o in others)
        if len(leaves) < len(nodes) or len(choices) != 1 or not is_simple:
            return None
        return choices[0] if not others or choices[0].control != "checkbox" else None

    # ------------------------------------------------------------------- complaints of the provider

    def field_for(self, property_path: Any, form: AnswerForm | None = None) -> str:
        """The field for a property a provider complains about, "" where there is none.

        Takes `a.b`, `rows[0].c` and lists of parts; leading parts that are the provider's
        wrapping (`body.run_input.comment`) are skipped.
        """
        form = form or self.bind()
        path = complained(property_path)
        for skip in range(len(path)):
            name = form.find(path[skip:])
            if name:
                return name
        return ""

    def show_errors(self, form: AnswerForm, complaints: Mapping[Any, Any]) -> None:
        """Puts a provider's complaints on a bound form: at the fields, the rest on top."""
        form.full_clean()
        for path, complaint in complaints.items():
            name = self.field_for(path, form)
            text = str(complaint)[:500]
            form.add_error(name or None, text if name else f"{str(path)[:100]}: {text}")

    def _redrawing(self) -> Iterable[int]:
        """Numbers of the fields that conditions look at."""
        conditions = [node.condition for node in every(self.nodes) if node.condition is not None]
        for node in self.by_number.values():
            conditions += node.demands
        looked_at = {reference for each in conditions for reference in _references(each)}
        for number, node in self.by_number.items():
            is_own = node.condition is not None and "modelValue" in node.condition.text
            if is_own or any(_meets(node.path, path) for path in looked_at):
                yield number


def _references(condition: Condition) -> Iterable[Path]:
    """What a condition looks at, with and without a first name that may be the host page's."""
    for path in condition.references:
        yield path
        if len(path) > 1:
            yield path[1:]


def _meets(path: Path, reference: Path) -> bool:
    length = min(len(path), len(reference))
    return path[:length] == reference[:length]
