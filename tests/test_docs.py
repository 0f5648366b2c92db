"""What the documents say is true: tables equal the code, and everything they name exists."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands

from config.env import VARIABLES
from providers import contract
from providers.adapter import CALLS, Adapter
from providers.contract import MAX_REF, Field, Status, Verb
from providers.registry import all_adapters, own_modules

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "providers" / "adapters" / "fixtures"
READMES = (ROOT / "providers" / "README.md", FIXTURES / "README.md")
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *READMES])
SHIPPED = set(own_modules())
COLUMNS: dict[str, Callable[..., Any]] = {
    **{verb.value: getattr(Adapter, verb.value) for verb in Verb},
    "log": Adapter.log,
    "outputs": Adapter.open_output,
    "push": Adapter.hints,
}
PACKAGES = ("config", "docs", "executions", "providers", "static", "templates", "tests")
PROVIDERS = "docs/integrate/providers.md"
ENDINGS = (".py", ".md", ".sql", ".html", ".js", ".css", ".json", ".yaml")


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def rows_after(text: str, header: str) -> list[list[str]]:
    """The cells of the table that begins with this header line."""
    lines = text.split(header + "\n", 1)[1].splitlines()[1:]
    table = []
    for line in lines:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split(" | ")])
    assert table, f"no rows below {header}"
    return [[cell.strip("| ") for cell in row] for row in table]


def plain(cell: str) -> str:
    return cell.strip("` ")


each_document = pytest.mark.parametrize(
    "path", DOCS, ids=[str(path.relative_to(ROOT)) for path in DOCS]
)


def test_every_status_is_explained_in_the_words_of_the_code() -> None:
    rows = rows_after(text_of("providers/README.md"), "| status | means | lamp |")
    told = {plain(status): (meaning, lamp) for status, meaning, lamp in rows}
    known = {status.value: (status.meaning, status.lamp.value) for status in Status}
    assert told == known


def test_the_variables_of_the_settings_page_are_those_of_the_code() -> None:
    rows = rows_after(text_of("docs/operate/settings.md"), "| variable | |")
    assert {plain(name): meaning for name, meaning in rows} == VARIABLES


def test_the_abilities_of_the_providers_page_are_those_of_the_adapters() -> None:
    header = f"| provider | {' | '.join(COLUMNS)} |"
    told: dict[str, dict[str, bool]] = {}
    for key, *cells in rows_after(text_of(PROVIDERS), header):
        assert set(cells) <= {"yes", "–"}
        told[plain(key)] = dict(zip(COLUMNS, (cell == "yes" for cell in cells), strict=True))
    missing = sorted(SHIPPED - told.keys())
    assert missing == [], f"{PROVIDERS} needs a row under Abilities for {missing}"
    for key, abilities in told.items():
        cls = all_adapters()[key]
        assert abilities == {name: cls.can(verb) for name, verb in COLUMNS.items()}, key


@pytest.mark.parametrize(
    "word", [contract.Snapshot, contract.Workflow, contract.Step, contract.Try, contract.Question,
             contract.Output, contract.Component, contract.LogLine],
)  # fmt: skip
def test_the_guide_explains_every_word_that_an_adapter_can_say(word: Any) -> None:
    guide = text_of("providers/README.md").split("### What a snapshot says")[1].split("\n## ")[0]
    told = set(re.findall(r"`(\w+)`", guide))
    assert {each.name for each in dataclasses.fields(word)} <= told


def test_the_guide_names_every_call_and_attribute_of_an_adapter() -> None:
    guide = text_of("providers/README.md").split("## The class")[1].split("### What the door")[0]
    told = set(re.findall(r"`(\w+)`", guide))
    attributes = {name for name in vars(Adapter)["__annotations__"] if name[0] != "_"}
    assert {*CALLS, *attributes} - {"name", "docs", "settings"} <= told


def test_the_guide_names_how_long_an_identifier_may_be() -> None:
    guide = (ROOT / "providers" / "README.md").read_text()
    assert f"A ref may have {MAX_REF} characters" in " ".join(guide.split())


def test_the_settings_of_the_providers_page_are_those_of_the_adapters() -> None:
    told: dict[str, dict[str, str]] = {}
    for key, name, what in rows_after(text_of(PROVIDERS), "| provider | field | |"):
        told.setdefault(plain(key), {})[plain(name)] = what
    missing = sorted({key for key in SHIPPED if all_adapters()[key].settings} - told.keys())
    assert missing == [], f"{PROVIDERS} needs a row for each setting of {missing}"
    for key, fields in told.items():
        assert fields == {field.key: in_words(field) for field in all_adapters()[key].settings}


def in_words(field: Field) -> str:
    if field.default:
        return f"default `{field.default}`"
    need = "required" if field.required else "optional"
    return f"{need}, secret" if field.secret else need


@pytest.mark.parametrize("key", sorted(SHIPPED))
def test_the_words_of_a_provider_become_the_status_that_its_page_says(key: str) -> None:
    section = re.split(r"^## ", text_of(PROVIDERS), flags=re.MULTILINE)
    mine = next((part for part in section if f"(`{key}`)" in part.splitlines()[0]), "")
    assert mine, f"{PROVIDERS} needs a section `## {all_adapters()[key].name} (`{key}`)`"
    header = "| word | status |"
    assert header in mine, f"the section of {key} in {PROVIDERS} needs a table {header}"
    told = {plain(word): plain(status) for word, status in rows_after(mine, header)}
    proved = json.loads((FIXTURES / key / "suite.json").read_text("utf-8"))["statuses"]
    if isinstance(proved, list):  # words that are no texts
        proved = {str(each["word"]): each["status"] for each in proved}
    assert told.items() <= proved.items()
    spellings = {"cancelled", "queued"}  # other ways to write words that are told
    proved_words = {word.lower().replace(" ", "") for word in proved}
    assert proved_words - spellings <= {word.lower() for word in told}


@each_document
def test_no_link_is_broken(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src(?:set)?="([^"]+)"', text)
    for link in links:
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), f"{path.name} links to {link}"
        if anchor:
            assert anchor in anchors(target), f"{path.name} links to {link}"


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@each_document
def test_every_command_and_make_target_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    commands = set(re.findall(r"manage\.py ([a-z_]+)", text)) - {"command"}
    assert not commands - get_commands().keys()
    targets = set(re.findall(r"(?:^ +|`|=0 )make ([a-z]+)", text, re.MULTILINE))
    assert not targets - set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))


@each_document
def test_every_file_of_ours_that_is_named_exists(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    named = re.findall(r"`(\w[\w./-]*/[\w./-]*)`", text)
    for name in named:
        if "acme" not in name and (name.startswith(PACKAGES) or name.endswith(ENDINGS)):
            is_there = (ROOT / name).exists() or (path.parent / name).exists()
            assert is_there, f"{path.name} names {name}"


@each_document
def test_every_variable_that_is_named_exists(path: Path) -> None:
    of_engines = {f"ANNUNCIATOR_{key.upper()}_DIR" for key in SHIPPED}  # of `make live` alone
    known = VARIABLES.keys() | of_engines
    named = set(re.findall(r"\b(ANNUNCIATOR_[A-Z_]+)\b", path.read_text("utf-8")))
    assert named <= known


def test_every_test_that_is_named_exists() -> None:
    named = {
        (path.name, name)
        for path in DOCS
        for name in re.findall(r"\b(tests/[\w/]+\.py::\w+)", path.read_text("utf-8"))
    }
    assert named
    missing = {(page, name) for page, name in named if not is_a_test(name)}
    assert not missing


def is_a_test(name: str) -> bool:
    file, _, function = name.partition("::")
    if not function.startswith("test_") or not (ROOT / file).is_file():
        return False
    return re.search(rf"^def {function}\(", text_of(file), re.MULTILINE) is not None


def test_every_yes_of_the_comparison_names_what_proves_it() -> None:
    text = text_of("docs/develop/comparison.md")
    headers = [line for line in text.splitlines() if line.endswith("| ours | proved by |")]
    tables = [rows_after(part, "ours | proved by |") for part in text.split("\n#")[1:]
              if "| ours | proved by |" in part]  # fmt: skip
    assert len(tables) == len(headers) == 7
    for feature, *_, ours, proof in (row for table in tables for row in table):
        answer = ours.partition(":")[0]
        assert answer in {"yes", "partly", "no"}, feature
        assert answer != "yes" or re.match(r"`?tests/.*::test_", proof), feature


def packages_of_the_tree(text: str) -> set[str]:
    """The folders of the tree in CONTRIBUTING.md, as paths with a slash at the end."""
    found, parent = set(), ""
    for line in text.split("<!-- tree", 1)[1].split("```")[1].splitlines():
        if match := re.match(r"( *)([\w/]+/)", line):
            parent = "" if not match[1] else parent
            found.add(parent + match[2])
            parent = parent or match[2]
    return found


def test_the_tree_of_the_contributing_page_is_the_real_one() -> None:
    told = packages_of_the_tree(text_of("CONTRIBUTING.md"))
    tops = ("config", "executions", "providers")
    inside = {
        f"{top}/{file.parent.name}/"
        for top in tops[1:]
        for file in (ROOT / top).glob("*/__init__.py")
    }
    assert told == inside | {f"{top}/" for top in tops}


def test_the_glossary_stays_short_and_the_readme_too() -> None:
    glossary = text_of("CONTRIBUTING.md").split("## The words")[1].split("## Tests")[0]
    assert len(glossary.strip().splitlines()) <= 40
    assert len(text_of("README.md").splitlines()) <= 150


def test_every_picture_is_shown_by_a_document_and_small() -> None:
    shown = {
        (path.parent / link).resolve()
        for path in DOCS
        for link in re.findall(r"[(\"]([\w./-]+\.(?:webp|png))[)\"]", path.read_text("utf-8"))
    }
    kept = set((ROOT / "docs" / "screenshots").iterdir())
    assert kept == {path for path in shown if path.parent.name == "screenshots"}
    assert len(kept) <= 16
    assert all(path.stat().st_size < 150_000 for path in kept)
