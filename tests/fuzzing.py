"""`make fuzz`: a million inputs that a fuzzer thinks of, led by the code that each of them reached.

`python -m tests.fuzzing 1000000` starts a process for each of TARGETS with its part of the runs,
and ends with 1 where one of them met an exception that nobody catches, or never ended. An input
that made trouble stays in `.data/fuzz/`; `python -m tests.fuzzing json <file>` tries it once more.

Atheris, the fuzzer, is no part of the lock files: the Makefile installs it into `.data/fuzzing/`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".data" / "fuzz"
UNDER_TEST = ("providers.exact_json", "executions.forms")  # with what they need of ours
PARTS = {"json": 0.6, "forms": 0.4}
"""Of the runs. A form takes ten times as long as a JSON text."""
LONGEST = {"json": 400, "forms": 600}  # bytes of one input
SECONDS = 20  # that one input may take
WORDS_OF_JSON = [
    b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b'\\"', b"\\u0000", b"\\ud800", b"NaN",
    b"-Infinity", b"true", b"1.10", b"1e400", b"-0", b"1e-400", b'{"a":', b'"a":1', b"9999999999",
    b"\xef\xbb\xbf", b"\xed\xa0\x80", b"[[[[[[[[[[[[[[[[", b"]]]]]]]]]]]]]]]]",
    b"\\ud83d\\ude00", b"null",
]  # fmt: skip


def try_json(content: bytes) -> bool:
    """Reads, writes, reads what was written: the same digits, nothing that Postgres refuses."""
    from providers import exact_json

    content = _json_of(content)
    could_be_read = False
    for read in (exact_json.read, exact_json.read_strictly):
        try:
            value = read(content)
        except ValueError:
            continue
        could_be_read = True
        text = exact_json.write(value)
        again = exact_json.read_stored(text)
        assert exact_json.write(again) == text
        assert exact_json.write(exact_json.cleaned(again)) == text
        exact_json.write(value, notes=True, indent=True, sort=True).decode()
    return could_be_read


def try_form(content: bytes) -> bool:
    """Compiles three values, draws the form, posts into it, and makes the body that is sent."""
    import atheris

    from executions.forms import compile_triple
    from providers import exact_json

    source = atheris.FuzzedDataProvider(content)
    compiled = compile_triple(_schema(source), _value(source), _value(source))
    names = list(compiled.bind().fields)
    bound = compiled.bind({name: str(_scalar(source)) for name in names})
    if bound.is_valid():
        for complete in (False, True):
            exact_json.write(compiled.masked(compiled.body(bound, complete=complete)))
        compiled.lacks(compiled.body(bound))
    compiled.carry_over(compiled, compiled.typed({}))
    return bool(names)


TARGETS: dict[str, Callable[[bytes], bool]] = {"json": try_json, "forms": try_form}
"""Each says whether it got as far as a value, or a form with a field."""


# ------------------------------------------------------------------- values out of a fuzzer's bytes


def _json_of(content: bytes) -> bytes:
    """The bytes as they are, words that they stand for, or a value."""
    import atheris

    kind, rest = content[:1], content[1:]
    if kind < b"\x55":
        return rest
    if kind < b"\xaa":
        return b"".join(WORDS_OF_JSON[byte % len(WORDS_OF_JSON)] for byte in rest)
    return json.dumps(_value(atheris.FuzzedDataProvider(rest))).encode()


def _schema(source: Any) -> Any:
    """An object with up to three fields, mostly."""
    if not source.ConsumeIntInRange(0, 7):
        return _value(source)
    fields = {name: _value(source) for name in "abc"[: source.ConsumeIntInRange(0, 3)]}
    more = _value(source)
    return {**(more if isinstance(more, dict) else {}), "type": "object", "properties": fields}


def _value(source: Any, depth: int = 0) -> Any:
    kind = source.ConsumeIntInRange(0, 7 if depth < 5 else 3)
    if kind < 4:
        return _scalar(source)
    size = source.ConsumeIntInRange(0, 4)
    if kind == 4:
        return [_value(source, depth + 1) for _ in range(size)]
    return {_word(source): _value(source, depth + 1) for _ in range(size)}


def _scalar(source: Any) -> Any:
    kind = source.ConsumeIntInRange(0, 6)
    if kind == 0:
        return (None, True, False, "", 0)[source.ConsumeIntInRange(0, 4)]
    if kind == 1:
        return source.ConsumeInt(9)
    if kind == 2:
        return source.ConsumeFloat()
    return source.ConsumeUnicode(8) if kind == 3 else _word(source)


def _word(source: Any) -> str:
    words = likely_words()
    return words[source.ConsumeIntInRange(0, len(words) - 1)]


@cache
def likely_words() -> list[str]:
    from tests.executions.forms.test_hostile import WORDS

    return WORDS


# ----------------------------------------------------------------------------------- the processes


class Tried:
    """Calls a target with what the fuzzer thinks of, and keeps the first input of each exception.
    The fuzzer ends its process by itself and says nothing: so this does, after the last run."""

    def __init__(self, name: str, runs: int) -> None:
        self.name, self.runs = name, runs
        self.done = self.read = self.unhandled = 0
        self.begun = time.monotonic()
        self.places: set[str] = set()

    def __call__(self, content: bytes) -> None:
        self.done += 1
        try:
            self.read += TARGETS[self.name](content)
        except Exception as error:  # noqa: BLE001 - it is what is looked for
            self.unhandled += 1
            self.keep(content, error)
        if self.done >= self.runs:
            self.end()

    def keep(self, content: bytes, error: Exception) -> None:
        place = f"{type(error).__name__} {traceback.extract_tb(error.__traceback__)[-1][:2]}"
        if place not in self.places:
            self.places.add(place)
            path = KEPT / f"{self.name}-{hashlib.sha256(content).hexdigest()[:12]}"
            path.write_bytes(content)
            print(f"{self.name}: {path.relative_to(ROOT)}", flush=True)
            traceback.print_exception(error)

    def end(self) -> None:
        took = time.monotonic() - self.begun
        print(
            f"{self.name}: {self.done:,} runs in {took:.0f} s, {self.read:,} of them could be read;"
            f" {self.unhandled:,} unhandled exceptions at {len(self.places)} places",
            flush=True,
        )
        os._exit(1 if self.unhandled else 0)


def fuzz(name: str, runs: int) -> None:
    """Never returns. An input that takes longer than SECONDS ends the process and is kept, too."""
    words = KEPT / "words"
    words.write_text("".join(map(_quoted, WORDS_OF_JSON)), "utf-8")
    atheris = _with_instruments()
    options = [
        f"-max_len={LONGEST[name]}", f"-timeout={SECONDS}", f"-artifact_prefix={KEPT}/{name}-",
        "-verbosity=0", *([f"-dict={words}"] if name == "json" else []),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], Tried(name, runs))
    atheris.Fuzz()


def _quoted(word: bytes) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n'


def _with_instruments() -> Any:
    """Atheris, and the modules under test loaded so that it sees which lines are reached."""
    import atheris
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    with atheris.instrument_imports(include=["providers", "executions"]):
        for name in UNDER_TEST:
            importlib.import_module(name)
    django.setup()
    return atheris


def all_targets(runs: int) -> int:
    """Side by side; the number of those that did not end well."""
    KEPT.mkdir(parents=True, exist_ok=True)
    started = [
        subprocess.Popen([sys.executable, "-m", "tests.fuzzing", name, str(int(runs * part))])
        for name, part in PARTS.items()
    ]
    return sum(process.wait() != 0 for process in started)


def main(words: list[str]) -> int:
    if len(words) == 1:
        runs = int(words[0])
        if bad := all_targets(runs):
            print(f"FAILED: {bad} of {len(PARTS)} targets; what they tried last is in {KEPT}")
            return 1
        print(f"{runs:,} inputs, 0 unhandled exceptions")
        return 0
    name, what = words
    if not what.isdigit():
        _with_instruments()
        TARGETS[name](Path(what).read_bytes())
        return 0
    fuzz(name, int(what))
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
