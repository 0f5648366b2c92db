"""A browser without a screen: it reads the inputs of a rendered form, fills them in and posts."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.template.loader import render_to_string

from executions.forms import AnswerForm, CompiledForm
from executions.forms.json_path import key_text
from tests.pages import Page


class Inputs:
    """What a browser would post, and the buttons and labels it would show."""

    def __init__(self, html: str) -> None:
        page = Page(f"<form>{html}</form>")
        self.posts = page.one("form").sent
        self.buttons = [(each["name"], each.get("value")) for each in page.all("button[name]")]
        self.options: dict[str, list[tuple[str, str]]] = {}
        for each in page.all("select"):
            self.options[each["name"]] = [(o["value"], o.text) for o in each.all("option")]
        for each in page.all("label > input[name]"):
            option = (each.get("value"), each.around("label").text)
            self.options.setdefault(each["name"], []).append(option)


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
