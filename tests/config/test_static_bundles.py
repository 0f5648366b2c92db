"""One style sheet and one script per page: the files of the packages, each once, in their order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client, override_settings

from config.settings import BASE_DIR
from config.static_bundles import SCRIPT, STYLES, bundled_script, bundled_styles
from tests.pages import Page

STATIC = Path(BASE_DIR) / "static"
OF_OTHER_PAGES = {
    "css/admin.css", "css/kiosk.css", "css/no_script.css",
    "js/admin.js", "js/kiosk.js", "js/passkeys.js", "js/service_worker.js",
}  # fmt: skip


def own(pattern: str) -> set[str]:
    return {str(path.relative_to(STATIC)) for path in STATIC.rglob(pattern)} - OF_OTHER_PAGES


def test_a_page_asks_for_three_scripts_and_three_style_sheets_at_most(ana: Client) -> None:
    page = Page(ana.get("/"))
    assert 0 < len(page.all("script[src]")) <= 3
    assert 0 < len(page.all("link[rel='stylesheet']")) <= 3


@pytest.mark.parametrize(
    ("entry", "pattern", "bundled"),
    [(STYLES, "*.css", bundled_styles), (SCRIPT, "*.js", bundled_script)],
)
def test_every_file_is_in_its_bundle_once(entry: str, pattern: str, bundled: Any) -> None:
    read: list[str] = []

    def source(name: str) -> str:
        read.append(name)
        return (STATIC / name).read_text()

    text = bundled(entry, source)
    assert sorted(read) == sorted(own(pattern))
    assert not re.search(r"^(@?import|export)\b", text, re.MULTILINE)


def test_modules_keep_names_of_their_own_and_share_what_they_export() -> None:
    files = {
        "js/site.js": 'import "./a/one.js";\nimport { two } from "./two.js";\nmine(two);\n',
        "js/a/one.js": 'import { two } from "../two.js";\nconst mine = two;\n',
        "js/two.js": "const mine = 1;\nexport function two() { return mine; }\n",
    }
    assert bundled_script("js/site.js", files.__getitem__).split("})();\n") == [
        "const module0 = (() => {\nconst mine = 1;\nfunction two() { return mine; }\n"
        "return { two };\n",
        "const module1 = (() => {\nconst { two } = module0;\nconst mine = two;\nreturn {  };\n",
        "const module2 = (() => {\nconst { two } = module0;\nmine(two);\nreturn {  };\n",
        "",
    ]


def test_collected_bundles_are_hashed_and_follow_their_parts(tmp_path: Path) -> None:
    storages = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "config.static_bundles.BundledStaticFilesStorage"},
    }
    with override_settings(STATIC_ROOT=tmp_path, STORAGES=storages):
        for _ in range(2):  # what is there already is made anew
            call_command("collectstatic", interactive=False, verbosity=0)
    for entry in (STYLES, SCRIPT):
        stem, ending = entry.rsplit(".", 1)
        [hashed] = [
            each
            for each in tmp_path.glob(f"{stem}.*.{ending}")
            if re.fullmatch(r"site\.[0-9a-f]{12}\.\w+", each.name)
        ]
        assert hashed.with_name(hashed.name + ".gz").exists()
        assert "import" not in hashed.read_text().replace("!important", "")
        assert (tmp_path / entry).read_text() == hashed.read_text()
