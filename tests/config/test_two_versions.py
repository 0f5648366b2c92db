"""A new version starts beside the old one: its migrations wait for nobody for long, and leave
tables that the code of before goes on writing."""

from __future__ import annotations

import ast
import inspect
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from celery import current_app
from django.conf import settings
from django.db import OperationalError, connection

from config.settings import LOCKED_FOR
from executions import tasks
from tests.busy import LATE

ROOT = Path(__file__).resolve().parent.parent.parent
LATER = [
    path for path in sorted(ROOT.glob("*/migrations/0*.py")) if not path.name.startswith("0001")
]
TAKES_AWAY = ("RemoveField", "RenameField", "DeleteModel", "RenameModel")
GONE = {"HourlyCount"}  # nothing wrote it any more when it was dropped


def operations(path: Path) -> Iterator[tuple[str, dict[str, ast.expr]]]:
    """What a migration does, by name, with its arguments."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name.startswith("migrations."):
                given = {each.arg: each.value for each in node.keywords if each.arg}
                yield name.removeprefix("migrations."), given


def name_of(value: ast.expr) -> str:
    return str(ast.literal_eval(value))


@pytest.mark.fault("P16")
@pytest.mark.parametrize("path", LATER, ids=lambda path: path.stem)
def test_the_code_of_before_can_go_on_writing_the_tables_of_a_migration(path: Path) -> None:
    done = list(operations(path))
    made = {name_of(given["name"]).lower() for name, given in done if name == "CreateModel"}
    for name, given in done:
        if name in TAKES_AWAY:
            assert name == "DeleteModel", "two steps: first nothing uses it, then it goes"
            assert name_of(given["name"]) in GONE
        if name == "AddField" and name_of(given["model_name"]) not in made:
            field = given["field"]
            assert isinstance(field, ast.Call)
            if ast.unparse(field.func) == "models.ManyToManyField":
                continue  # a table of its own
            options = {each.arg: ast.unparse(each.value) for each in field.keywords}
            is_left_out = options.get("null") == "True" or "db_default" in options
            assert is_left_out, f"{name_of(given['name'])}: old code names no value for it"


@pytest.mark.fault("P16", "P10")
@pytest.mark.django_db(transaction=True)
def test_a_migration_gives_up_where_a_table_is_in_use_and_holds_nobody_up() -> None:
    """While it waits for its lock, everybody else waits behind it."""
    parameters = connection.get_connection_params()
    parameters.pop("pool", None)
    took = []

    def read() -> None:
        with psycopg.connect(**parameters) as reader:
            began = time.monotonic()
            reader.execute("SELECT count(*) FROM executions_note")
            took.append(time.monotonic() - began)

    with psycopg.connect(**parameters) as busy, connection.cursor() as cursor:
        busy.execute("SELECT * FROM executions_note")  # and its transaction goes on
        late = threading.Timer(0.5, read)
        late.start()
        began = time.monotonic()
        with pytest.raises(OperationalError, match="lock timeout"):
            cursor.execute("ALTER TABLE executions_note ADD COLUMN of_tomorrow integer")
        assert time.monotonic() - began < LOCKED_FOR + LATE
        late.join()
    assert max(took) < LOCKED_FOR + LATE


@pytest.mark.fault("P16", "P19")
def test_a_message_names_rows_alone_so_that_any_version_can_read_it() -> None:
    ours = [name for name in current_app.tasks if name.startswith("executions.tasks.")]
    assert len(ours) > 10
    for name in ours:
        task = getattr(tasks, name.rpartition(".")[2])
        kinds = {each.annotation for each in inspect.signature(task.run).parameters.values()}
        assert kinds <= {"int", "str"}, name
    assert settings.CELERY_TASK_SERIALIZER == "json"
    assert settings.CELERY_ACCEPT_CONTENT == ["json"]
