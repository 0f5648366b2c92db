"""Pages as people and programs find their way in them: by heading, label, words of a link, column
of a table, id and data attribute; never by a CSS class or the line breaks of a template.

`Page(response)` is a whole answer or the fragment that htmx gets; whatever is found in it is a
`Part`. Words are compared as a reader has them: `"3 runs, 1 account" in page`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from lxml import html

INLINE = {
    "a", "abbr", "b", "bdi", "button", "code", "del", "dfn", "em", "i", "ins", "kbd", "label",
    "mark", "q", "s", "small", "span", "strong", "sub", "sup", "time", "u", "var",
}  # fmt: skip
"""Elements that stand in the line: no space is read before and after them."""

UNSENT = ("submit", "image", "reset", "button", "file")


class Part:
    """One element of a page and everything in it."""

    def __init__(self, element: html.HtmlElement) -> None:
        self._element = element

    def __repr__(self) -> str:
        return f"<{self._element.tag}: {self.text[:300]}>"

    def __contains__(self, words: str) -> bool:
        return words in self.text

    def __getitem__(self, attribute: str) -> str:
        return str(self._element.attrib[attribute])

    def get(self, attribute: str) -> str:
        """Empty where there is none."""
        return str(self._element.get(attribute, ""))

    @property
    def text(self) -> str:
        """The words in one line, without scripts."""
        return " ".join("".join(_words(self._element)).split())

    @property
    def written(self) -> str:
        """The text with the spaces and line ends that are written."""
        return str(self._element.text_content())

    @property
    def markup(self) -> str:
        """The element as a parser has it, to be compared with another."""
        return html.tostring(self._element, with_tail=False, encoding="unicode")

    def all(self, selector: str, words: str = "") -> list[Part]:
        """Every element that fits and says these words, in order."""
        found = [Part(each) for each in self._element.cssselect(selector)]
        return [each for each in found if words in each.text] if words else found

    def has(self, selector: str, words: str = "") -> bool:
        return bool(self.all(selector, words))

    def one(self, selector: str, words: str = "") -> Part:
        """The only element that fits; AssertionError when there is none, or another."""
        found = self.all(selector, words)
        assert len(found) == 1, f"{len(found)} times {selector} {words!r} in {self!r}"
        return found[0]

    def around(self, tag: str) -> Part:
        """The next element of this kind that it stands in."""
        return Part(next(self._element.iterancestors(tag)))

    def under(self, heading: str) -> Part:
        """The section that this heading begins."""
        fit = [each for each in self.all("h1, h2, h3, h4, legend, caption") if heading == each.text]
        assert len(fit) == 1, f"{len(fit)} headings {heading!r} in {self!r}"
        inside = ("section", "article", "fieldset", "table", "figure", "dialog", "main")
        return Part(next(fit[0]._element.iterancestors(*inside)))

    @property
    def facts(self) -> dict[str, str]:
        """What stands behind each word of its lists of facts."""
        words = [each._element for each in self.all("dl dt")]
        return {Part(each).text: Part(each.getnext()).text for each in words}

    def times(self, words: str) -> list[str]:
        """The machine-readable times that stand right behind these words, of which the last may be
        the first of the time itself: `since 12:03`."""
        found = []
        for each in self.all("time"):
            before = each._element.getprevious()
            said = each._element.getparent().text if before is None else before.tail
            first = each.text.partition(" ")[0]
            places = ((said or "").rstrip(), f"{(said or '').rstrip()} {first}".strip())
            found += [each["datetime"]] if any(it.endswith(words) for it in places) else []
        return found

    # --------------------------------------------------------------------------------- links

    def links(self, start: str = "") -> list[tuple[str, str]]:
        """(address, words) of every link whose address begins like this."""
        found = self.all("a[href]")
        return [(each["href"], each.text) for each in found if each["href"].startswith(start)]

    def link(self, words: str) -> str:
        """Where the link of these words leads; empty where there is none."""
        return next((href for href, said in self.links() if words in said), "")

    def address(self, rel: str) -> str:
        """Where the link of this relation (`next`, `prev`) leads; empty where there is none."""
        return next((each["href"] for each in self.all(f"a[rel~='{rel}']")), "")

    # --------------------------------------------------------------------------------- forms

    def posted(self) -> dict[str, str]:
        """What a browser would send from the form: every field with its value."""
        return dict(self.sent)

    @property
    def sent(self) -> list[tuple[str, str]]:
        """The same, with every value of a field that has several."""
        form = self if self._element.tag == "form" else self.one("form")
        fields = [each for each in form._element.inputs if each.name]
        return [
            (each.name, value)
            for each in fields
            if "disabled" not in each.attrib
            for value in _values_of(each)
        ]

    @property
    def answer_form(self) -> Part:
        """The form of the question that the page shows."""
        return self.one("form[action*='/answer/']")

    def field(self, label: str) -> str:
        """The name of the field that has this label."""
        target = next(each for each in self.all("label[for]") if each.text.startswith(label))
        return self.one(f"[id='{target['for']}']")["name"]

    def names(self, start: str = "") -> list[str]:
        """The names of the fields that begin like this, each once."""
        found = [each["name"] for each in self.all("input[name], select[name], textarea[name]")]
        return list(dict.fromkeys(name for name in found if name.startswith(start)))

    def value(self, name: str) -> str:
        """The value of the first field of this name."""
        field = self.all(f"input[name='{name}'], textarea[name='{name}'], select[name='{name}']")[0]
        return str(field._element.value or "")


class Page(Part):
    """An answer of the site. `source` is what was sent, for what a parser would forgive."""

    def __init__(self, answer: Any) -> None:
        content = answer if isinstance(answer, (str, bytes)) else answer.content
        self.source = content.decode() if isinstance(content, bytes) else content
        is_whole = "<html" in self.source[:200]
        parsed = html.fromstring(self.source if is_whole else f"<main>{self.source}</main>")
        for area in parsed.iter("textarea"):
            area.text = (area.text or "").removeprefix("\n")  # as HTML reads it
        super().__init__(parsed)

    @property
    def stamp(self) -> str:
        """What the page knows, as its stream compares it."""
        return self.all("[data-stamp]")[0]["data-stamp"]

    @property
    def top(self) -> str:
        return self.all("[data-top]")[0]["data-top"]

    @property
    def changes(self) -> str:
        """Where the page asks for its news."""
        return self.all("[data-changes-url]")[0]["data-changes-url"]

    @property
    def targets(self) -> list[str]:
        """What a fragment for an open page changes there."""
        return [each["hx-target"] for each in self.all("hx-partial[hx-target]")]

    @property
    def ignored(self) -> list[str]:
        """What of the address was not understood, sentence by sentence."""
        return [each.text.removeprefix("Ignored: ") for each in self.all("p", "Ignored: ")]

    @property
    def chips(self) -> dict[str, str]:
        """The active filters, each with the address without it."""
        end = ", remove this filter"
        return {said.removesuffix(end): href for href, said in self.links() if said.endswith(end)}


class RunList(Page):
    """The table of runs."""

    @property
    def runs(self) -> list[Part]:
        return self.all("tr[data-row]")

    @property
    def labels(self) -> list[str]:
        """What the runs are called, from top to bottom."""
        return [row.all("a[href^='/executions/'] [title]")[0].text for row in self.runs]

    @property
    def known(self) -> str:
        """The rows and their versions, as the open page sends them back."""
        return ",".join(row["data-row"] for row in self.runs)

    @property
    def view(self) -> str:
        """The words of the tab that is open; empty where none is."""
        tabs = self.one("nav[aria-label='Views']").all("a[aria-current]")
        return tabs[0].text if tabs else ""

    @property
    def older(self) -> str:
        """The address of the next page; empty on the last."""
        return urljoin("/", self.address("next"))

    @property
    def counts(self) -> list[tuple[str, int]]:
        """(address, number) of every count per lamp and per status that is a number."""
        found = self.one("#lamps").links() + self.one("#tally").links()
        pairs = [(href, said.rpartition(" ")[2]) for href, said in found]
        return [(href, int(number)) for href, number in pairs if number.isdigit()]


def _values_of(field: Any) -> list[str]:
    """What a browser sends of an input, a text area or a list."""
    if field.tag == "input":
        if field.type in UNSENT or (field.checkable and not field.checked):
            return []
        return [field.get("value", "on" if field.checkable else "")]
    if field.tag == "select" and field.multiple:
        return list(field.value)
    return [] if field.value is None else [field.value]


def labels(answer: Any) -> list[str]:
    """What the runs of a list are called, from top to bottom."""
    return RunList(answer).labels


def _words(element: html.HtmlElement) -> Iterator[str]:
    if element.tag in ("script", "style") or not isinstance(element.tag, str):
        return
    space = "" if element.tag in INLINE else " "
    yield space + (element.text or "")
    for child in element:
        yield from _words(child)
        yield child.tail or ""
    yield space
