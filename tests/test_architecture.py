"""Rules of the tree that the import contracts cannot say."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from providers.registry import own_modules

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [
    path
    for package in ("config", "executions", "providers")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "migrations" not in path.parts
]
FIELDS = {"executions.models", "executions.models.input_values", "providers.exact_json"}
"""What fields of migrations are made of."""
MIGRATIONS = sorted(ROOT.glob("*/migrations/0*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
ADAPTERS = sorted((ROOT / "providers" / "adapters").glob("*/*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def where(path: Path) -> str:
    return str(path.relative_to(ROOT))


WIRES = {
    "requests": {"providers/http/client.py", "providers/http/transports.py"},
    "urllib3": {"providers/http/client.py", "providers/http/transports.py"},
    "websockets": {"providers/websocket.py"},
    "apprise": {"executions/notifications/apprise_process.py"},
    "httpx": set(),
    "pickle": set(),
}


@pytest.mark.parametrize("library", WIRES)
def test_one_module_touches_the_wire(library):
    users = {
        where(path)
        for path in SOURCES
        if any(name == library or name.startswith(f"{library}.") for name in imports_of(path))
    }
    simulators = {user for user in users if user.startswith("providers/demo/flow8")}
    assert users - simulators <= WIRES[library]


@pytest.mark.parametrize("path", ADAPTERS, ids=where)
def test_no_adapter_imports_another(path):
    key = path.parent.name
    for name in imports_of(path):
        if name.startswith("providers.adapters."):
            module = name.split(".")[2]
            assert module == key, f"{where(path)} imports {name}"


@pytest.mark.parametrize("path", TEMPLATES, ids=where)
def test_templates_hold_no_script_no_style_and_trust_nobody(path):
    text = path.read_text()
    assert not re.search(r"\|\s*safe\b|autoescape\s+off|mark_safe", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)", text), "inline script"
    assert not re.search(r"\sstyle\s*=", text), "inline style"
    assert not re.search(r"\son[a-z]+\s*=", text), "inline handler"
    assert not re.search(r"hx-on|hx-vals\s*=\s*[\"']js:|hx-trigger\s*=\s*[\"'][^\"']*\[", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=where)
def test_no_line_of_a_template_is_longer_than_120_columns(path):
    long = [
        number for number, line in enumerate(path.read_text().split("\n"), 1) if len(line) > 120
    ]
    assert not long, "break it where white space holds no text: config/template_loader.py"


def test_the_tags_of_all_templates_are_as_the_formatter_writes_them():
    djade = Path(sys.executable).with_name("djade")
    found = subprocess.run(
        [djade, "--target-version", "5.2", "--check", *TEMPLATES], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("path", TEMPLATES, ids=where)
def test_no_template_asks_which_provider_it_is(path):
    words = "|".join(own_modules())
    assert not re.search(rf"provider\s*==|==\s*[\"']({words})", path.read_text())


@pytest.mark.parametrize("path", MIGRATIONS, ids=where)
def test_a_migration_runs_no_code_that_may_change_after_it(path):
    ours = {name for name in imports_of(path) if name.split(".")[0] in ("executions", "providers")}
    assert ours <= FIELDS, "copy it into the migration"


def test_provider_text_is_trusted_in_one_place_only():
    users = [
        where(path) for path in SOURCES if re.search(r"mark_safe|SafeString", path.read_text())
    ]
    assert len(users) <= 2, users


@pytest.mark.parametrize("path", SOURCES, ids=where)
def test_every_module_says_what_lives_in_it(path):
    tree = parsed(path)
    if tree.body:
        assert ast.get_docstring(tree), f"{where(path)} has no docstring"


@pytest.mark.parametrize("path", SOURCES, ids=where)
def test_no_module_has_a_name_that_says_nothing(path):
    nothing = {"utils", "helpers", "common", "base", "services", "managers", "misc"}
    assert path.stem not in nothing


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=where)
def test_code_that_tests_hand_to_a_process_imports_what_exists(path):
    texts = [
        node.value
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    lines = re.findall(
        r"^from ((?:config|executions|providers)[\w.]*) import (\w[\w, ]*)$", "\n".join(texts), re.M
    )
    for module, names in lines:
        found = importlib.import_module(module)
        for name in re.split(r", *", re.sub(r" as \w+", "", names)):
            assert hasattr(found, name) or importlib.util.find_spec(f"{module}.{name}"), name


SQL_FILES = sorted((ROOT / "executions").rglob("*.sql"))
STATEMENT = re.compile(r"SELECT .*FROM|INSERT INTO \w|UPDATE \w+ (\w+ )?SET|DELETE FROM \w")
MOST_LINES = 4  # of a statement within a module; a longer one stands in a file beside it


@pytest.mark.parametrize("path", SQL_FILES, ids=where)
def test_every_statement_of_a_file_is_used_by_the_module_beside_it(path):
    text, module = path.read_text(), path.with_suffix(".py").read_text()
    names = re.findall(r"^-- name: (\w+)$", text, re.MULTILINE)
    assert names
    assert len(set(names)) == len(names)
    for name in names:
        assert re.search(rf"[\"']{name}[\"']", module) or f"{{{name}}}" in text, (
            f"nothing uses {name}"
        )


@pytest.mark.parametrize("path", SOURCES, ids=where)
def test_no_module_holds_a_long_statement(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Constant | ast.JoinedStr):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            is_long_sql = length > MOST_LINES and STATEMENT.search(ast.unparse(node))
            assert not is_long_sql, f"line {node.lineno}"
