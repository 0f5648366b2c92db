"""Lists that people keep: private and shared, one of them first; columns and density."""

from __future__ import annotations

import html

import pytest
from django.contrib.auth.models import Group

from executions.models import AuditEntry, Preference, SavedView
from providers.contract import Status
from tests.pages import Page, RunList

pytestmark = pytest.mark.django_db


def saved(client, name: str, query: str = "lamp=failed", **more) -> SavedView:
    client.post("/views/creation/", {"name": name, "query": query, **more})
    return SavedView.objects.get(name=name)


def test_a_view_keeps_filters_order_and_time_and_opens_as_its_full_address(ana, put):
    put("a", Status.FAILED)
    view = saved(ana, "Night", "lamp=failed&finished=24h&sort=newest&size=100&before=1-2&view=9")
    assert view.query == "lamp=failed&finished=24h&sort=newest&size=100"
    opened = ana.get(f"/?view={view.pk}")
    assert (opened.status_code, opened["Location"]) == (302, f"/?{view.query}&view={view.pk}")
    assert RunList(ana.get(opened["Location"])).view == "Night"
    assert RunList(ana.get(f"/?lamp=failed&view={view.pk}")).view == "Night changed"


def test_a_view_without_filters_opens_too(ana, put):
    view = saved(ana, "Everything", "")
    opened = ana.get(f"/?view={view.pk}")
    assert ana.get(opened["Location"]).status_code == 200


def test_the_default_view_opens_without_a_query_and_a_link_escapes_it(ana, put):
    put("a", Status.RUNNING)
    view = saved(ana, "Failures", default="1")
    assert ana.get("/")["Location"] == f"/?lamp=failed&view={view.pk}"
    page = ana.get(f"/?lamp=failed&view={view.pk}").content.decode()
    assert 'href="/?all=1">Show all runs</a>' in page
    everything = ana.get("/?all=1")
    assert everything.status_code == 200
    assert "data-row" in everything.content.decode()
    ana.post("/views/default/", {"view": ""})
    assert ana.get("/").status_code == 200


def test_taking_the_last_filter_away_does_not_open_the_view_again(ana, put):
    put("a", Status.RUNNING)
    view = saved(ana, "Failures", default="1")
    (href,) = Page(ana.get(f"/?lamp=failed&view={view.pk}")).chips.values()
    assert ana.get(href).status_code == 200
    assert "data-row" in ana.get(href).content.decode()


def test_private_views_are_nobody_elses_and_a_team_sees_its_own(ana, vik, eve, put):
    east = Group.objects.get(name="east")
    private = saved(ana, "Mine")
    team = saved(ana, "Ours", audience=f"team:{east.pk}")
    public = saved(ana, "All", audience="everybody")
    for client, visible in ((vik, {"Ours", "All"}), (eve, {"All"})):
        menu = client.get("/views/").content.decode()
        assert {name for name in ("Mine", "Ours", "All") if f">{name}</a>" in menu} == visible
    gone = vik.get(f"/?view={private.pk}&lamp=failed")
    assert "deleted, or is not shared" in Page(gone).ignored[0]
    assert eve.get(f"/?view={team.pk}").status_code == 200
    assert Page(vik.get(f"/?lamp=failed&view={public.pk}")).ignored == []


def test_a_deleted_view_gives_a_sentence_even_where_it_was_the_default(ana, put):
    view = saved(ana, "Failures", default="1")
    ana.post(f"/views/{view.pk}/deletion/")
    assert ana.get("/").status_code == 200
    assert "deleted" in Page(ana.get(f"/?view={view.pk}")).ignored[0]
    actions = AuditEntry.objects.filter(action__startswith="view.").values_list("action", flat=True)
    assert set(actions) == {"view.created", "view.deleted"}


def test_only_operators_share_and_only_with_their_teams(ana, vik, put):
    vik.post("/views/creation/", {"name": "Public", "query": "", "audience": "everybody"})
    west = Group.objects.get(name="west")
    ana.post("/views/creation/", {"name": "Theirs", "query": "", "audience": f"team:{west.pk}"})
    assert not SavedView.objects.exists()
    assert saved(vik, "Own").audience == "private"
    menu = vik.get("/views/").content.decode()
    assert 'name="audience"' not in menu


def test_a_view_is_renamed_overwritten_and_changed_by_its_owner_alone(ana, eve, put):
    view = saved(ana, "Failures", audience="everybody")
    change = {"name": "Trouble", "audience": "everybody", "query": "lamp=warning"}
    assert eve.post(f"/views/{view.pk}/change/", change).status_code == 404
    assert eve.post(f"/views/{view.pk}/deletion/").status_code == 404
    ana.post(f"/views/{view.pk}/change/", change)
    view.refresh_from_db()
    assert (view.name, view.query) == ("Trouble", "lamp=failed")
    ana.post(f"/views/{view.pk}/change/", {**change, "overwrite": "1"})
    view.refresh_from_db()
    assert view.query == "lamp=warning"


def test_two_views_of_one_name_are_refused_in_a_sentence(ana, put):
    saved(ana, "Failures")
    answer = ana.post("/views/creation/", {"name": "Failures", "query": ""}, follow=True)
    assert "You have a view “Failures” already" in html.unescape(answer.content.decode())
    assert SavedView.objects.count() == 1


def test_a_name_that_is_too_long_is_refused_whole_and_not_cut(ana, put):
    typed = "é" * 81
    page = Page(ana.post("/views/creation/", {"name": typed, "query": ""}, follow=True))
    assert f"at most 80 characters, not 81. You typed: {typed}" in page
    view = saved(ana, "Failures")
    ana.post(f"/views/{view.pk}/change/", {"name": typed, "query": ""})
    assert [each.name for each in SavedView.objects.all()] == ["Failures"]
    fields = Page(ana.get(f"/views/?view={view.pk}")).all("input[name='name']")
    assert [each.get("maxlength") for each in fields] == ["", ""]


def test_columns_and_density_are_kept_for_the_person_and_in_the_view(ana, people, put):
    put("a")
    shown = ["what", "account", "started", "finished", "took"]
    ana.post("/executions/table/", {"column": shown, "density": "compact", "query": ""})
    kept = Preference.objects.get(user=people["ana"])
    assert (kept.columns, kept.is_compact) == (["finished"], True)
    page = Page(ana.get("/"))
    assert page.one("input[name='density'][checked]")["value"] == "compact"
    assert columns(page) == ["what", "account", "started", "finished", "took"]
    view = saved(ana, "Narrow", "lamp=active", switched=["what", "account", "nonsense"])
    assert view.columns == ["what", "account"]
    assert columns(Page(ana.get(f"/?lamp=active&view={view.pk}"))) == ["started", "took"]


def test_the_size_of_a_page_is_part_of_the_address(ana, put):
    for number in range(60):
        put(f"r{number}", age=number)
    assert ana.get("/?size=100").content.decode().count("data-row=") == 60
    assert ana.get("/").content.decode().count("data-row=") == 50


def columns(page: Page) -> list[str]:
    """Those that are shown. That the others are not is held by a test in a browser."""
    return [each["value"] for each in page.all("input[name='column'][checked]")]


def test_an_address_holds_its_columns_whoever_opens_it(ana, vik, put):
    put("a", Status.FAILED)
    posted = {"column": ["what", "took", "id"], "query": "lamp=failed"}
    address = ana.post("/executions/table/", posted)["Location"]
    assert address == "/?lamp=failed&columns=what,took,id"
    for client in (ana, vik):
        assert columns(Page(client.get(address))) == ["what", "took", "id"]
    own = ["what", "account", "started", "took"]
    assert columns(Page(vik.get("/?lamp=failed"))) == own  # vik's own stay
    page = Page(vik.get(address))
    assert len(page.chips) == 1  # which columns there are is no filter
    assert any("columns=what%2Ctook%2Cid" in href for href, _ in page.links())  # links keep them
    assert columns(Page(vik.get("/?columns=none"))) == []


def test_a_column_that_is_none_is_named(ana, put):
    put("a")
    page = Page(ana.get("/?columns=price,took"))
    assert page.ignored == ["There is no column “price”."]
    assert "took" in columns(page)
    usual = ["what", "account", "started", "took"]
    assert columns(Page(ana.get("/?columns=price"))) == usual


def test_other_columns_in_the_address_change_an_open_view(ana, put):
    put("a", Status.FAILED)
    view = saved(ana, "Failures")
    same = ana.get(f"/?lamp=failed&columns=what,account,started,took&view={view.pk}")
    assert RunList(same).view == "Failures"
    other = f"lamp=failed&columns=took&view={view.pk}"
    assert RunList(ana.get(f"/?{other}")).view == "Failures changed"
    change = Page(ana.get(f"/views/?{other}")).one("form[action*='/change/']")
    asked = [value for name, value in change.sent if name == "switched"]
    assert asked == ["what", "account", "started"]
