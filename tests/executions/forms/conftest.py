"""A browser without a screen: it reads the inputs of a rendered form, fills them in and posts."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.template.loader import render_to_string

from executions.forms import AnswerForm, CompiledForm
from executions.forms.json_path import key_text


class Inputs(HTMLParser):
    """Collects what a browser would post, and the buttons and labels it would show."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.posts: list[tuple[str, str]] = []
        self.buttons: list[tuple[str, str]] = []
        self.options: dict[str, list[tuple[str, str]]] = {}
        self._select: dict[str, Any] | None = None
        self._text: tuple[str, str] | None = None
        self._caption: tuple[str, str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        name, value = has.get("name") or "", has.get("value") or ""
        if tag == "input" and name:
            kind = has.get("type", "text") or "text"
            if kind in ("radio", "checkbox"):
                if "checked" in has:
                    self.posts.append((name, value))
                self._caption = (name, value)
            elif kind != "file":
                self.posts.append((name, value))
        elif tag == "select":
            self._select = {"name": name, "chosen": [], "first": None, "many": "multiple" in has}
        elif tag == "option" and self._select is not None:
            if self._select["first"] is None:
                self._select["first"] = value
            if "selected" in has:
                self._select["chosen"].append(value)
            self._caption = (self._select["name"], value)
        elif tag == "textarea":
            self._text = (name, "")
        elif tag == "button" and name:
            self.buttons.append((name, value))

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text = (self._text[0], self._text[1] + data)
        elif self._caption is not None and data.strip():
            name, value = self._caption
            self.options.setdefault(name, []).append((value, data.strip()))
            self._caption = None

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._text is not None:
            self.posts.append((self._text[0], self._text[1].removeprefix("\n")))
            self._text = None
        elif tag == "select" and self._select is not None:
            chosen = self._select["chosen"]
            if not chosen and not self._select["many"] and self._select["first"] is not None:
                chosen = [self._select["first"]]
            self.posts += [(self._select["name"], value) for value in chosen]
            self._select = None


class Browser:
    """One person with one form open."""

    def __init__(self, compiled: CompiledForm, typed: dict[str, Any] | None = None) -> None:
        self.compiled = compiled
        self.form: AnswerForm = compiled.bind(typed=typed)
        self.files: dict[str, SimpleUploadedFile] = {}
        self.read()

    def read(self) -> None:
        """What the page holds now."""
        self.html = render_to_string(
            "executions/forms/_fields.html", {"form": self.form, "redraw_url": "/again/"}
        )
        self.inputs = Inputs(self.html)
        self.data: dict[str, list[str]] = {}
        for name, value in self.inputs.posts:
            self.data.setdefault(name, []).append(value)

    def name(self, path: str) -> str:
        for name in self.form.fields:
            if key_text(self.form.by_name[name].path) == path:
                return name
        raise AssertionError(f"no field for {path} among {self.paths()}")

    def paths(self) -> list[str]:
        return [key_text(self.form.by_name[name].path) for name in self.form.fields]

    def fill(self, answers: dict[str, Any]) -> None:
        """Text for a line, True or False for a box, labels for choices, {"file": ...}."""
        for path, answer in answers.items():
            name = self.name(path)
            labels = {label: value for value, label in self.inputs.options.get(name, [])}
            if isinstance(answer, dict):
                file_name, kind, text = answer["file"]
                self.files[name] = SimpleUploadedFile(file_name, text.encode(), kind)
            elif isinstance(answer, bool):
                self.data[name] = ["", "1"] if answer else [""]
            elif isinstance(answer, list):
                self.data[name] = ["", *(labels[label] for label in answer)]
            elif self.form.by_name[name].control in ("select", "radios"):
                self.data[name] = [labels[answer]] if answer else [""]
            else:
                self.data[name] = [answer]

    def post(self, **more: str) -> AnswerForm:
        posted = QueryDict(mutable=True)
        for name, values in {**self.data, **{key: [value] for key, value in more.items()}}.items():
            posted.setlist(name, values)
        kept = {n: v for n, v in self.compiled.typed(posted, self.files).items() if n in self.files}
        self.form = self.compiled.bind(posted, self.files, typed=kept)
        if self.form.is_bound:
            self.form.is_valid()
        self.read()
        return self.form

    def press(self, tool: str, path: str, position: int = 0, direction: str = "") -> None:
        """A row's button, which has to be there."""
        name = self.name(path)
        value = name
        if tool != "_add":
            value += f":{self.form.by_name[name].rows[position].token}"
        value += f":{direction}" if direction else ""
        assert (tool, value) in self.inputs.buttons, f"no button {tool} {value}"
        self.post(**{tool: value})


@pytest.fixture
def open_form() -> type[Browser]:
    return Browser
