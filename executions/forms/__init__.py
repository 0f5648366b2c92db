"""From a provider's question to a Django form, and back to the body that is sent.

The door: `compile_question` and `compile_triple`. The stages, in order:

1. `definition_intake`: schema, form and model as they came, made plain JSON.
2. `parser`, with `layout_entries`, `schema_navigator`, `conditional_schema`, `options`, `controls`
   and `conditions`: the compiled tree of `compiled_nodes`, once per question.
3. `form_instance`: the instance. Its `instance_nodes` have rows, names, values and visibility, and
   are what templates draw. `value_codec`, `dates` and `files` are between values and inputs.
4. `django_form` with `django_fields`: what is posted, checked by `validation` over
   `schema_dialects` (the whole schema). `value_rules` words the complaints,
   `validation_error_placement` finds their fields.
5. `answer_body`: what is sent; `answer_summary` and `secret_masking` show it to people.

`compiled_form` holds it together and keeps drafts with `draft_carry_over`. The rules are in
docs/operate/forms.md."""

from __future__ import annotations

from typing import Any

from executions.forms.compiled_form import CompiledForm
from executions.forms.definition_intake import CannotShow, read_triple, speaks_otherwise
from executions.forms.django_form import AnswerForm
from executions.forms.files import short_files
from executions.forms.form_instance import Drawing
from executions.forms.parser import Reader

__all__ = ["AnswerForm", "CompiledForm", "compile_question", "compile_triple", "short_files"]


def compile_question(question: Any) -> CompiledForm:
    """For a stored question or one of the contract. Never raises; see `CompiledForm.problem`."""
    if not getattr(question, "is_answerable", True):
        return CompiledForm(problem=question.title or _problem("the provider does not take it"))
    if question.kind == "approval":
        return _compile_approval(question.choices)
    return compile_triple(question.schema, question.form, question.model)


def compile_triple(schema: Any, form: Any, model: Any) -> CompiledForm:
    """Any three values. Never raises; see `CompiledForm.problem`."""
    try:
        return _compiled(schema, form, model)
    except CannotShow as reason:
        return CompiledForm(problem=_problem(str(reason)))


def _problem(reason: str) -> str:
    return f"This form cannot be shown here: {reason}. Answer it at the provider."


def _compiled(schema: Any, form: Any, model: Any) -> CompiledForm:
    """Raises CannotShow."""
    triple = read_triple(schema, form, model)
    reader = Reader(triple)
    nodes = reader.read()
    notes = reader.notes
    if not nodes:
        if reader.left_out or speaks_otherwise(triple.schema):
            raise CannotShow("its form language is not supported here")
        if reader.schemas.root_shape.doubt:
            raise CannotShow(reader.schemas.root_shape.doubt)
        notes.append("the form has no fields")
    compiled = CompiledForm(
        nodes, reader.schemas, triple.model, notes=notes, submit_label=reader.submit_label
    )
    drawing = Drawing(nodes, reader.schemas, compiled.start, {})
    for drawn in drawing.leaves():
        if drawn.control == "elsewhere" and drawn.is_required and not drawn.leaf.is_readonly:
            raise CannotShow("it asks for a file that can only be uploaded at the provider")
    return compiled


def _compile_approval(choices: Any) -> CompiledForm:
    """An approval as a form of two fields; its body is {"choice": value, "note": text}."""
    titles = [_choice(choice) for choice in choices] if isinstance(choices, list | tuple) else []
    listed = [title for title in titles if title["value"]]
    if not listed:
        return CompiledForm(problem=_problem("it has no options"))
    schema = {
        "type": "object",
        "required": ["choice"],
        "properties": {
            "choice": {"type": "string", "title": "Decision"},
            "note": {"type": "string", "title": "Note", "maxLength": 2000},
        },
    }
    form = [
        {"key": "choice", "type": "radios", "titleMap": listed},
        {"key": "note", "type": "textarea"},
    ]
    return compile_triple(schema, form, {"note": ""})


def _choice(choice: Any) -> dict[str, Any]:
    """One choice of an approval, stored as an object or frozen in the contract."""
    fields = choice if isinstance(choice, dict) else {}
    value = fields.get("value", getattr(choice, "value", ""))
    label = fields.get("label", getattr(choice, "label", ""))
    is_danger = fields.get("is_danger", getattr(choice, "is_danger", False))
    return {
        "value": value if isinstance(value, str) else "",
        "name": label if isinstance(label, str) and label else value,
        "style": "danger" if is_danger is True else "",
    }
