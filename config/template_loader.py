"""Templates in short lines, pages without the white space between them.

White space that holds a line break is layout of the template, as in JSX: next to a tag (of HTML or
of Django), at the edge of an attribute's value or of the file it vanishes; between words, variables
and attributes it is one space. A space that a page shows next to a tag stands on one line with
both, or is written `{{ " " }}`. Inside `<pre>` and `<textarea>` everything stays.
"""

import re

from django.template import Origin
from django.template.loaders import filesystem

TOKEN = re.compile(
    r"(?P<tag>\{%\s*comment\b.*?\{%\s*endcomment\s*%\}|\{%.*?%\}|\{#.*?#\}|<!--.*?-->)"
    r"|(?P<space>\{\{ \" \" \}\})"
    r"|(?P<variable>\{\{.*?\}\})"
    r"|(?P<line_break>[^\S\n]*\n\s*)"
    r"|(?P<opening></?[a-zA-Z][\w-]*|<!)"
    r"|(?P<quote>[\"'])"
    r"|(?P<closing>/?>)"
    r"|(?P<other>[^\s{<>/\"']+|.)",
    re.DOTALL,
)
AS_WRITTEN = ("pre", "textarea")


def joined(source: str) -> str:
    """The template with its lines joined, by the rule above."""
    pieces: list[str] = []
    element = quote = ""  # the HTML tag, and the attribute's value in it, that the place stands in
    at_edge = True  # a tag, an opening quote, a written space or nothing stands before the place
    place = 0
    while match := TOKEN.match(source, place):
        kind, text, place = match.lastgroup, match.group(), match.end()
        if kind == "space":
            text, at_edge = " ", True
        elif kind == "line_break":
            after = TOKEN.match(source, place)
            if element and not quote:
                text = "" if after and after.lastgroup == "closing" else " "
            else:
                text = "" if at_edge or _is_edge(after, quote) else " "
        elif kind == "opening" and not element:
            element, at_edge = text[1:].lower(), False
        elif kind == "quote" and element and quote in ("", text):
            quote = "" if quote else text
            at_edge = bool(quote)
        elif kind == "closing" and element and not quote:
            if element in AS_WRITTEN:
                end = source.index(f"</{element}", place)
                text, place = text + source[place:end], end
            element, at_edge = "", True
        else:
            at_edge = kind == "tag"
        pieces.append(text)
    return "".join(pieces)


def _is_edge(after: re.Match[str] | None, quote: str) -> bool:
    if after is None or after.lastgroup in ("tag", "space"):
        return True
    return after.group() == quote if quote else after.lastgroup == "opening"


class Loader(filesystem.Loader):
    """Reads this project's templates; those of other packages come as they are written."""

    def get_contents(self, origin: Origin) -> str:
        text = super().get_contents(origin)
        return joined(text) if str(origin.name).endswith(".html") else text
