"""Takes what is a secret, or looks like one, out of a snapshot before it is stored.

Called by `store`, `polling.poller`, the log and `commands.dispatch`. What a secret looks like in
text is in `providers.redaction`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from django.db import connection

from executions.models import Command
from executions.sql_sections import statements
from providers import exact_json
from providers.contract import Output, Question, Snapshot, Step, Verb
from providers.models import ProviderAccount
from providers.redaction import NOTHING, Secrets, may_name_secrets
from providers.sealing import SealError, unseal

_sql = statements(__file__)

Typed = Mapping[str, Secrets]
"""By ref of a run: the account's own secrets and those that people typed into this run."""
NOBODY: Typed = {}
LATELY = 500  # answers whose secrets are looked for where no run is known

Item = TypeVar("Item")

# Words of a schema or a form whose values are shown or filled in; the others are its structure.
_SHOWN = frozenset(
    ("title", "description", "help", "helpvalue", "placeholder", "default", "value", "example")
)


def typed_secrets(account: ProviderAccount, refs: Sequence[str], own: Secrets) -> Typed:
    """Per run, what people typed into its secret fields: a provider may show an answer in the run's
    own data, and to other accounts of ours as well. One query."""
    parameters: list[Any] = [list(refs), account.provider]
    with connection.cursor() as cursor:
        cursor.execute(_sql("typed"), parameters)
        answers = cursor.fetchall()
    typed: dict[str, set[str]] = {}
    for key, ref, sealed in answers:
        try:
            secrets = unseal(f"command:{key}", sealed).get("secrets", ())
        except SealError:  # its key was removed: nobody can read it any more
            continue
        typed.setdefault(ref, set()).update(secrets)
    return {ref: own.joined(secrets) for ref, secrets in typed.items() if secrets}


def typed_lately(account: ProviderAccount, own: Secrets) -> Secrets:
    """The account's own secrets and what people typed into runs of its provider lately: for a text
    of which nobody knows which run it is about. One query."""
    accounts = ProviderAccount.objects.filter(provider=account.provider)
    answers = Command.objects.filter(kind=Verb.ANSWER.value, account__in=accounts)
    typed: set[str] = set()
    rows = answers.order_by("-requested_at").values_list("key", "sealed_arguments")
    for key, sealed in rows[:LATELY]:
        try:
            typed.update(unseal(f"command:{key}", sealed).get("secrets", ()))
        except SealError:
            continue
    return own.joined(typed)


def redacted(snapshot: Snapshot, own: Secrets, secrets: Secrets) -> Snapshot:
    """The snapshot without `own` (the account's) and `secrets` (these, and what was typed into this
    run): before anything of it is cut, compared or written. Its status, times and numbers stay as
    they are; identifiers and the provider's words lose only what is the account's.

    Nearly all snapshots hold nothing of the kind, which one look at all their texts tells."""
    try:
        texts = _texts_of(snapshot)
        if not secrets.may_be_in(f"{_named_by(snapshot)}{texts}".lower()):
            if not texts or not may_name_secrets(texts.lower()):
                return snapshot
            own = secrets = NOTHING
    except (ValueError, RecursionError):
        pass  # a number or a nesting without end: looked at part by part
    certain = own.hide_certain
    return _with(
        snapshot,
        ref=certain(snapshot.ref),
        workflow=own.hide_within(snapshot.workflow),
        status_reason=certain(snapshot.status_reason),
        native_status=certain(snapshot.native_status),
        name=secrets.hide_certain(snapshot.name),
        message=secrets.hide_named(snapshot.message),
        error=secrets.hide_named(snapshot.error),
        url=certain(snapshot.url),
        parent_ref=certain(snapshot.parent_ref),
        retry_of=certain(snapshot.retry_of),
        labels=None if snapshot.labels is None else _labels(secrets, snapshot.labels),
        version=certain(snapshot.version),
        input=_kept(secrets.redact, snapshot.input),
        output=_kept(secrets.redact, snapshot.output),
        raw=_kept(secrets.redact, snapshot.raw),
        steps=_each(snapshot.steps, lambda step: _step(step, own, secrets)),
        questions=_each(snapshot.questions, lambda asked: _question(asked, own, secrets)),
        outputs=_each(snapshot.outputs, lambda output: _output(output, own, secrets)),
    )


def _named_by(of: Snapshot) -> str:
    """The identifiers, names and words of a snapshot, whole."""
    flow = of.workflow
    words = (
        f"{of.ref}\n{flow.ref}\n{flow.name}\n{of.native_status}\n{of.status_reason}\n{of.name}\n"
        f"{of.url}\n{of.version}\n{of.parent_ref}\n{of.retry_of}\n"
    )
    if of.steps:
        steps = [
            f"{step.ref}\n{step.name}\n{step.native_status}\n{step.status_reason}\n{step.run_ref}"
            for step in of.steps
        ]
        words += "\n".join([*steps, *{part for step in of.steps for part in step.path}])
    return f"{words}{of.questions}" if of.questions else words


def _texts_of(of: Snapshot) -> str:
    """The texts and data of a snapshot, whole: where names of secrets count."""
    texts = f"{of.message}\n{of.error}" if of.message or of.error else ""
    if of.labels:
        texts += f"\n{of.labels}"
    for part in (of.raw, of.input, of.output, of.outputs or None):
        if part is not None:
            texts += f"\n{part}"
    if of.steps:
        steps = [step for step in of.steps if step.error or step.output is not None or step.tries]
        texts += "\n".join([f"{step.error}\n{step.output}\n{step.tries or ''}" for step in steps])
    return texts


def _kept(look: Callable[[Any], Any], value: Any) -> Any:
    """Never an error: the run counts more than what is in it."""
    try:
        return look(value)
    except (TypeError, ValueError, RecursionError, ArithmeticError) as error:
        return exact_json.note(f"{type(error).__name__}: {error}"[:300])


def _each(items: Iterable[Item] | None, redact: Callable[[Item], Item]) -> tuple[Item, ...] | None:
    return None if items is None else tuple(map(redact, items))


def _with(item: Item, **fields: Any) -> Item:
    """The very item where nothing of it changes: nearly always."""
    changes = {name: value for name, value in fields.items() if value != getattr(item, name)}
    return replace(item, **changes) if changes else item  # type: ignore[type-var]


def _step(step: Step, own: Secrets, secrets: Secrets) -> Step:
    return _with(
        step,
        ref=own.hide_certain(step.ref),
        run_ref=own.hide_certain(step.run_ref),
        name=secrets.hide_certain(step.name),
        path=tuple(map(secrets.hide_certain, step.path)),
        native_status=own.hide_certain(step.native_status),
        status_reason=own.hide_certain(step.status_reason),
        error=secrets.hide_named(step.error),
        output=_kept(secrets.redact, step.output),
        tries=tuple(
            _with(
                each,
                native_status=own.hide_certain(each.native_status),
                error=secrets.hide_named(each.error),
            )
            for each in step.tries
        ),
    )


def _labels(secrets: Secrets, labels: Mapping[str, str]) -> Mapping[str, str]:
    """A label that is named as secrets are tells its name alone."""
    hidden = _kept(secrets.redact, dict(labels))
    return {secrets.hide_certain(name): str(value) for name, value in hidden.items()}


def _output(output: Output, own: Secrets, secrets: Secrets) -> Output:
    return _with(
        output,
        ref=own.hide_certain(output.ref),
        content_type=own.hide_certain(output.content_type),
        name=secrets.hide_certain(output.name),
        error=secrets.hide_named(output.error),
        step_ref=own.hide_certain(output.step_ref),
    )


def _question(question: Question, own: Secrets, secrets: Secrets) -> Question:
    """The model is what an answer starts from, schema and form are how it is asked: of what was
    typed only values go, and nothing goes by its name. Pages mask those."""
    form = partial(_form, own, secrets)
    return _with(
        question,
        ref=own.hide_certain(question.ref),
        title=secrets.hide_certain(question.title),
        description=secrets.hide_certain(question.description),
        url=own.hide_certain(question.url),
        assignees=tuple(map(secrets.hide_certain, question.assignees)),
        schema=_kept(form, question.schema),
        form=_kept(form, question.form),
        model=_kept(secrets.hide_within, question.model),
        choices=tuple(
            _with(
                choice,
                value=own.hide_certain(choice.value),
                label=secrets.hide_certain(choice.label),
            )
            for choice in question.choices
        ),
    )


def _form(own: Secrets, secrets: Secrets, part: Any) -> Any:
    part = own.hide_within(part)
    if secrets is own or secrets.hide_within(part) == part:
        return part
    if not isinstance(part, str):
        return _hide_shown(part, secrets)
    try:
        return exact_json.written(_hide_shown(exact_json.read(part), secrets))
    except (ValueError, RecursionError):
        return secrets.hide_certain(part)


def _hide_shown(part: Any, secrets: Secrets, is_shown: bool = False) -> Any:
    if isinstance(part, dict):
        return {
            key: _hide_shown(item, secrets, is_shown or key in _SHOWN) for key, item in part.items()
        }
    if isinstance(part, list):
        return [_hide_shown(item, secrets, is_shown) for item in part]
    return secrets.hide_certain(part) if is_shown and isinstance(part, str) else part
