"""What helps to write an adapter: its files laid out from the template of the guide, and fixtures
recorded from what passes through the door. Called by `manage.py adapter`."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from providers.contract import Snapshot
from providers.http import Http, Reply, parse_json
from providers.registry import outside_modules, own_modules

TEMPLATE = Path("docs", "integrate", "provider-template", "src", "annunciator_acme")
_ID = re.compile(r"[0-9a-f]{6,}|\d+")
MOST = 200  # exchanges of one recording
TEST = '''"""What neither the shared suite nor the scenarios can say of {cls}."""

from __future__ import annotations

from providers.adapters.{key} import read_job

JOB = {{"id": "j1", "state": "done", "kind": "import", "made": None, "begun": None, "ended": None}}


def test_a_job_without_a_folder_goes_by_its_kind_alone() -> None:
    assert read_job(JOB).workflow.title == "import"
    assert read_job(JOB | {{"folder": "Sales"}}).workflow.title == "Sales / import"
'''


class NotPossible(Exception):
    """Show it: nothing was written. str() is a sentence for a person."""


def lay_out(key: str, root: Path) -> list[Path]:
    """Write module, fixtures and test of a new provider below the checkout `root`, from the
    template of the guide, which works as it is. Raises NotPossible."""
    if not re.fullmatch(r"[a-z][a-z0-9]{1,39}", key):
        raise NotPossible("A key is 2 to 40 lower-case letters and digits, a letter first.")
    if key in own_modules() or key in outside_modules():
        raise NotPossible(f"There is a provider {key} already.")
    template = root / TEMPLATE
    if not template.exists():
        raise NotPossible("The template is in a checkout of Annunciator: docs/integrate.")
    cls = key.capitalize()
    tests = root / "tests" / "providers" / "adapters"
    module = (template / "__init__.py").read_text("utf-8")
    texts = {
        root / "providers" / "adapters" / f"{key}.py": module,
        tests / f"test_{key}.py": TEST.format(key=key, cls=cls),
    }
    for path in sorted((template / "fixtures").iterdir()):
        texts[tests / "fixtures" / key / path.name] = path.read_text("utf-8")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("Acme", cls).replace("acme", key), "utf-8")
    return list(texts)


def fixtures_of(key: str, root: Path) -> Path:
    """Where the fixtures of a provider of ours stand."""
    return root / "tests" / "providers" / "adapters" / "fixtures" / key


def never_filled(runs: Iterable[Snapshot]) -> list[str]:
    """The words that none of these runs says: for who reads the documentation once more."""
    runs = list(runs)
    return [
        each.name
        for each in dataclasses.fields(Snapshot)
        if runs and all(getattr(run, each.name) in (each.default, "", (), {}) for run in runs)
    ]


class Recording:
    """Everything that passes through a door, from now on."""

    def __init__(self, http: Http) -> None:
        self.http = http
        self.exchanges: list[tuple[str, str, bytes | None, Reply]] = []
        http.on_exchange = self._note

    def _note(self, method: str, url: str, body: bytes | None, reply: Reply) -> None:
        if len(self.exchanges) < MOST:
            self.exchanges.append((method, url, body, reply))

    def written(self, folder: Path, config: Mapping[str, Any]) -> list[Path]:
        """One fixture per exchange, without secrets and with {server} for the address. Those that
        are there already stay as they are."""
        folder.mkdir(parents=True, exist_ok=True)
        address = urlsplit(str(config.get("base_url") or ""))
        origin = f"{address.scheme}://{address.netloc}" if address.netloc else ""
        paths = []
        for method, url, body, reply in self.exchanges:
            asked = urlsplit(url)
            query = parse_qs(asked.query, keep_blank_values=True)
            path = _free(folder, f"{method.lower()}_{_words(asked.path)}")
            request: dict[str, Any] = {"method": method, "path": asked.path}
            if query:
                values = {name: each if len(each) > 1 else each[0] for name, each in query.items()}
                request["query"] = values
            fixture = {
                "source": f"recorded from a live server: {method} {asked.path}",
                "recorded": f"{datetime.now(UTC):%Y-%m}",
                "request": request | _content(body or b""),
                "response": {"status": reply.status, **_content(reply.content)},
            }
            hidden = self.http.secrets.redact(fixture)
            text = json.dumps(hidden, indent=1, ensure_ascii=False, default=str)
            path.write_text((text.replace(origin, "{server}") if origin else text) + "\n", "utf-8")
            paths.append(path)
        return paths


def _content(content: bytes) -> dict[str, Any]:
    """As a fixture has it: `body` is JSON, `text` is not, and what is empty has neither."""
    try:
        return {"body": parse_json(content)} if content else {}
    except (ValueError, RecursionError):
        return {"text": content.decode("utf-8", "replace")}


def _words(path: str) -> str:
    """A path as words of a file name, identifiers left out."""
    parts = [part for part in re.split(r"[^a-z0-9]+", path.lower()) if part]
    kept = [part for part in parts if len(part) < 20 and not _ID.fullmatch(part)]
    return "_".join(kept[-5:]) or "answer"


def _free(folder: Path, name: str) -> Path:
    path, number = folder / f"{name}.json", 2
    while path.exists():
        path, number = folder / f"{name}_{number}.json", number + 1
    return path
