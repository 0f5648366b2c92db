"""Static files as pages load them: one style sheet and one script instead of one per package.

The style sheets and scripts of pages and of the admin, in BUNDLES, import the others. A browser can
follow these imports, as it does in the tests; collectstatic puts each imported file in the place of
its import, so that a page asks for one file of each kind.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Any

from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

STYLES, SCRIPT = "css/site.css", "js/site.js"
BUNDLES = (STYLES, SCRIPT, "css/admin.css", "js/admin.js")
STYLE_IMPORT = re.compile(r'^@import "(?P<path>[^"]+)";\n', re.MULTILINE)
MODULE_IMPORT = re.compile(
    r'^import (?:(?P<names>\{[^}]*\}) from )?"(?P<path>[^"]+)";\n', re.MULTILINE
)
EXPORT = re.compile(r"^export (?=(?:const|function|async function) (\w+))", re.MULTILINE)


class BundledStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashed and compressed, with the bundles made first."""

    def post_process(
        self, paths: dict[str, Any], dry_run: bool = False, **options: Any
    ) -> Iterator[Any]:
        if not dry_run:
            for name in BUNDLES:
                bundled = bundled_script if name.endswith(".js") else bundled_styles
                text = bundled(name, lambda each: _source(paths, each))
                self.delete(name)
                self._save(name, ContentFile(text.encode()))
                paths[name] = (self, name)
        yield from super().post_process(paths, dry_run, **options)


def bundled_styles(name: str, source: Callable[[str], str]) -> str:
    """The text of a style sheet with those that it imports in place. `source` reads one by name."""
    return STYLE_IMPORT.sub(
        lambda found: bundled_styles(_beside(name, found["path"]), source), source(name)
    )


def bundled_script(name: str, source: Callable[[str], str]) -> str:
    """A module and those that it imports, each a function with a scope of its own, in the order in
    which a browser would run them. An export is a constant or a function, under its own name."""
    scopes: dict[str, str] = {}
    texts: list[str] = []

    def add(name: str) -> str:
        def imported(found: re.Match[str]) -> str:
            scope = add(_beside(name, found["path"]))
            return f"const {found['names']} = {scope};\n" if found["names"] else ""

        if name not in scopes:
            scopes[name] = ""  # a circle has no order: its import is a mistake of syntax
            text = MODULE_IMPORT.sub(imported, source(name))
            names = ", ".join(EXPORT.findall(text))
            scopes[name] = scope = f"module{len(texts)}"
            texts.append(
                f"const {scope} = (() => {{\n{EXPORT.sub('', text)}return {{ {names} }};\n}})();\n"
            )
        return scopes[name]

    add(name)
    return "".join(texts)


def _beside(name: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _source(paths: dict[str, Any], name: str) -> str:
    storage, path = paths[name]
    with storage.open(path) as file:
        text: str = file.read().decode()
    return text
