"""Help: *?* at the top of each screen opens the page of just that screen; no link in it is dead."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from executions.web.help_pages import FOLDER, SCREENS, pages
from executions.web.layout import MENU
from tests.executions.access import matrix, world
from tests.executions.access.addresses import address
from tests.pages import Page, Part

HELP = "header a[data-go='h']"

pytestmark = pytest.mark.django_db


def title_of(link: Part) -> str:
    """What the link promises: the title of its page."""
    return link.text.rpartition("Help: ")[2]


@pytest.mark.parametrize("entry", MENU, ids=lambda entry: entry.section)
def test_every_screen_of_the_menu_has_its_help(ana, put, entry):
    put("r1")
    link = Page(ana.get(reverse(entry.url))).one(HELP)
    answer = ana.get(link["href"])
    assert answer.status_code == 200
    assert Page(answer).one("h1").text == title_of(link) == entry.word


@pytest.mark.timeout(1500)
def test_every_screen_there_is_leads_to_a_help_page_that_names_it():
    people = world.people()
    things = world.everything(people)
    client = Client(raise_request_exception=False)
    client.force_login(people["superuser"], settings.AUTHENTICATION_BACKENDS[-1])
    led: dict[str, str] = {}
    for route in matrix.TABLE:
        answer = client.get(address(route, things))
        is_html = answer.get("Content-Type", "").startswith("text/html")
        if answer.status_code != 200 or not is_html or b'aria-label="Main"' not in answer.content:
            continue
        link = Page(answer).one(HELP)
        page = Page(client.get(link["href"]))
        assert page.one("h1").text == title_of(link), route
        led[route] = page.one("h1").text
    at_all = {route for route, title in led.items() if title == "Help"}
    assert at_all == {"help/", "help/<slug:slug>/"}
    assert led["executions/<int:pk>/"] == "Run"
    assert led["questions/<int:pk>/"] == "Inbox"
    assert led["commands/<uuid:key>/"] == "Workflows"
    admin = "admin/providers/provideraccount/<path:object_id>/change/"
    assert led[admin] == "Provider accounts"
    assert led["admin/auth/user/add/"] == "Users and groups"
    assert led["admin/executions/auditentry/"] == "Administration"


def test_every_file_of_help_is_named_in_the_contents_and_every_screen_has_one():
    files = {path.stem for path in FOLDER.glob("*.md")} - {"README"}
    assert files == pages().keys() - {""}
    assert set(SCREENS.values()) <= files


@pytest.mark.parametrize("slug", sorted(pages()))
def test_no_link_in_help_is_dead(ana, slug):
    page = Page(ana.get(pages()[slug].url))
    for href, _ in page.one("article").links():
        assert ana.get(href).status_code == 200, href


def test_a_help_page_that_is_not_there_is_404(ana):
    assert ana.get("/help/nonsense/").status_code == 404


def test_the_list_of_keys_leads_to_the_help_of_the_page(ana):
    keys = Page(ana.get("/inbox/")).one("#keys")
    assert keys.link("Help: Inbox") == "/help/inbox/"
