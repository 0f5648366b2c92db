"""The site as an app: its manifest with icons and colours, and the worker from the root."""

from __future__ import annotations

import json
import re
import struct
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from executions.web import installed_app
from tests.pages import Page

pytestmark = pytest.mark.django_db
STATIC = settings.BASE_DIR / "static"
MOST = 12_000  # bytes of an icon


@pytest.fixture
def manifest() -> dict[str, Any]:
    answer = Client().get("/manifest.webmanifest")
    assert answer["Content-Type"] == "application/manifest+json"
    found: dict[str, Any] = json.loads(answer.content)
    return found


def size_of(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_the_manifest_has_what_a_browser_asks_before_it_installs(manifest):
    assert (manifest["start_url"], manifest["scope"], manifest["id"]) == ("/", "/", "/")
    assert manifest["display"] == "standalone"
    sizes = {(each["sizes"], each.get("purpose", "any")) for each in manifest["icons"]}
    assert {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")} <= sizes


def test_each_icon_is_there_small_and_of_the_size_that_is_told(manifest):
    for icon in manifest["icons"]:
        content = (STATIC / icon["src"].removeprefix("/static/")).read_bytes()
        assert len(content) <= MOST
        if icon["type"] == "image/png":
            assert "x".join(map(str, size_of(content))) == icon["sizes"]


def test_shortcuts_lead_to_the_inbox_and_to_what_fails(manifest, ana, put):
    urls = {each["name"]: each["url"] for each in manifest["shortcuts"]}
    assert ana.get(urls["Inbox"]).status_code == 200
    page = Page(ana.get(urls["Failing"]))
    assert page.ignored == []
    assert urls["Failing"].rpartition("?")[2] in Page(ana.get("/")).one("#lamp-failed")["href"]


@pytest.mark.parametrize(
    ("theme", "colours"),
    [
        ("system", ["#ffffff", "#14181c"]),
        ("light", ["#ffffff"] * 2),
        ("dark", ["#14181c"] * 2),
    ],
)
def test_the_bar_of_the_window_has_the_colour_of_the_theme(ana, theme, colours):
    ana.cookies["theme"] = theme
    page = Page(ana.get("/"))
    assert [each["content"] for each in page.all("meta[name='theme-color']")] == colours
    tokens = (STATIC / "css/tokens.css").read_text()
    assert f"--bar: light-dark({', '.join(installed_app.BARS.values())});" in tokens
    assert f"--ground: light-dark({installed_app.GROUND}," in tokens


def test_the_worker_comes_from_the_root_and_is_asked_for_anew():
    answer = Client().get("/service-worker.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert answer["Cache-Control"] == "no-cache"
    assert "Set-Cookie" not in answer


def test_a_page_names_the_worker_by_which_it_is_kept(ana):
    version = Page(ana.get("/")).one("body")["data-app"]
    assert f'const VERSION = "{version}";' in Client().get("/service-worker.js").content.decode()


def test_other_files_make_another_worker(monkeypatch):
    before = installed_app.app_version()
    monkeypatch.setattr(installed_app, "static", lambda name: f"/static/new-{name}")
    assert installed_app.app_version() != before
    assert "/static/new-css/site.css" in Client().get("/service-worker.js").content.decode()


def test_the_content_policy_lets_in_the_manifest_of_this_site_and_nothing_more(ana):
    policy = dict(
        each.split(" ", 1) for each in ana.get("/")["Content-Security-Policy"].split("; ")
    )
    assert policy["manifest-src"] == "'self'"
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in str(policy)
    assert "worker-src" not in policy  # falls back to that of scripts


def test_the_page_without_a_connection_is_nobodys(ana):
    page = Client().get("/offline/")
    assert page.status_code == 200
    assert ana.get("/offline/").status_code == 200
    found = Page(page)
    assert not found.all("[data-user], form, time")
    assert {href for href, _ in found.one("main").links()} == {"/", "/inbox/", "/overview/"}


@pytest.mark.parametrize("path", ["/wall/", "/admin/"])
def test_wall_screens_and_the_admin_are_no_part_of_the_app(path):
    root = Client()
    root.force_login(User.objects.create_superuser("root"))
    page = Page(root.get(path))
    assert not page.all("link[rel='manifest']")
    assert not [each for each in page.all("script[src]") if re.search(r"/site\b", each["src"])]
