"""The words of the audit log: one list, and nobody writes another."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from executions.access import audit_log
from executions.models import AuditEntry
from providers.contract import Verb

ROOT = Path(__file__).parents[3]
SOURCES = [
    path
    for folder in ("config", "executions", "providers")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
]


@pytest.mark.django_db
@pytest.mark.parametrize("word", ["poll now", "rule.changed", "", "Cancel"])
def test_no_word_of_its_own_can_be_written(word: str) -> None:
    with pytest.raises(ValueError, match="is not a valid Action"):
        audit_log.record("ana", word)  # type: ignore[arg-type]
    assert not AuditEntry.objects.exists()


def test_nothing_writes_the_audit_log_past_its_list() -> None:
    """Whoever makes an entry calls `access.audit_log.record`: the rows are made in one place."""
    writers = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and makes_entries(call.func)
    }
    assert writers == {"executions/access/audit_log.py"}


def makes_entries(func: ast.expr) -> bool:
    """`AuditEntry(...)`, or a method of its manager that makes rows."""
    words = ast.unparse(func)
    made = ("create", "bulk_create", "get_or_create", "update_or_create")
    return words == "AuditEntry" or words in {f"AuditEntry.objects.{method}" for method in made}


def test_every_word_is_used_and_every_command_has_one() -> None:
    used = {
        node.attr
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in ("audit_log.Action", "Action")
    }
    by_value = {verb.name for verb in Verb} | {f"BATCH_{verb.name}" for verb in Verb}
    by_value |= {f"ACCOUNT_{word}" for word in ("ADDED", "CHANGED", "DELETED", "TESTED")}
    by_value |= {"ACCOUNT_ENABLED", "ACCOUNT_DISABLED"}  # `AccountAdmin.note`
    assert {action.name for action in audit_log.Action} <= used | by_value
    assert {verb.value for verb in Verb} <= {action.value for action in audit_log.Action}
