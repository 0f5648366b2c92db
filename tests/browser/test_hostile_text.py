"""Whatever a provider writes is text: nothing of it runs, loads, links or acts on any page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from providers.demo import serve
from providers.demo.smartflows import scenarios
from providers.demo.smartflows.blocks import Leaf
from providers.demo.smartflows.forms import Draft, Form, choices, hostile_texts, section
from providers.demo.smartflows.runs import Recipe
from tests.browser.conftest import stay_signed_in
from tests.product import Product

pytestmark = pytest.mark.browser

OUT = "http://127.0.0.1:9/planted"  # nobody listens; the browser's attempt would be seen
OWN = "/planted-request/"  # an address of ours that no page asks for
RUN = "window.owned=1"

HOSTILE = (
    f"<script>{RUN}</script>",
    f"<script src={OUT}></script>",
    f"<ScRiPt>{RUN}</sCrIpT>",
    f"<img src={OUT}>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<iframe src={OUT}></iframe>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<object data={OUT}></object>",
    f"<embed src={OUT}>",
    f"<link rel=stylesheet href={OUT}>",
    f"<style>@import '{OUT}';</style>",
    f"<base href={OUT}>",
    f"<meta http-equiv=refresh content='0;url={OUT}'>",
    f"<form action={OUT}><button id=go>Go</button></form><input form=go autofocus onfocus={RUN}>",
    f"<a href='javascript:{RUN}'>click</a>",
    f"<a href='{OUT}' ping='{OUT}'>click</a>",
    f"<details open ontoggle={RUN}>",
    f"<video src={OUT} autoplay onerror={RUN}></video>",
    f"<input autofocus onfocus={RUN}>",
    f"<body onload={RUN}>",
    f"<math><mi xlink:href='javascript:{RUN}'>x</mi></math>",
    f"<b hx-get='{OWN}' hx-trigger='load'>now</b>",
    f"<b data-hx-get='{OWN}' data-hx-trigger='load'>now</b>",
    f"<b hx-post='{OWN}' hx-trigger='revealed'>now</b>",
    f"<b hx-on:htmx:load='{RUN}'>now</b>",
    f"<b hx-on--load='{RUN}'>now</b>",
    f"<b sse-connect='{OWN}' hx-ext=sse>now</b>",
    f"<hx-partial hx-target='#main' hx-swap='innerHTML'><b id=injected>{RUN}</b></hx-partial>",
    f"<template hx-get='{OWN}' hx-trigger='load'></template>",
    f"<b hx-swap-oob='true' id='main'>{RUN}</b>",
    f"<form id=htmx><input name=config></form><b id=stamp data-stamp={RUN}>",
    f"</main></body><script>{RUN}</script>",
    f"--><script>{RUN}</script><!--",
    f"]]><script>{RUN}</script>",
    f"</textarea></title></style><script>{RUN}</script>",
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    "{% debug %}{{ settings.SECRET_KEY }}",
    f"javascript:{RUN}//",
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
)
AROUND = ("{}", '"> {} <i x="', "' autofocus onfocus=window.owned=1 x='{}")
CORPUS = tuple(shell.format(text) for text in HOSTILE for shell in AROUND)
BIDI = "invoice\u202efdp.exe\u2066\u200b\u0007 end"
LONG = "W" * 5000
MARK = f'"><img src=x onerror={RUN}><b hx-get="{OWN}" hx-trigger="load">'

# Help texts may hold links (docs/operate/forms.md, 4.8.2), marked as leading elsewhere.
INJECTED = ", ".join(
    f"main {each}"
    for each in (
        'script:not([src^="/static/"])',
        "iframe", "object", "embed", "base", "meta", "link", "style", "video", "img",
        "template", "[onerror]", "[onload]", "[onfocus]", "[ontoggle]", "[ping]", "[autofocus]",
        f'[hx-get*="{OWN}"]', f'[data-hx-get*="{OWN}"]', f'[hx-post*="{OWN}"]', "#injected", "#go",
        'a[href^="javascript:"]', f'a[href^="{OUT}"]:not([rel~="noopener"][rel~="nofollow"])',
    )
)  # fmt: skip


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 100


def hostile_form(chance: Any, answers: list[dict[str, Any]]) -> Form:
    """The demo's hostile form, and every text of a form made of the corpus."""
    first = hostile_texts(chance, answers)
    draft = Draft(chance)
    sections = []
    for number in range(0, len(CORPUS), 12):
        words = [CORPUS[(number + i) % len(CORPUS)] for i in range(12)]
        shown = {"description": words[1], "placeholder": words[2], "fieldAddonLeft": words[3],
                 "validationMessage": words[4], "htmlClass": words[5], "onChange": RUN}  # fmt: skip
        options = choices((words[6], words[7]), (words[8], words[-1]))
        sections.append(
            section(
                words[0],
                {"type": "help", "helpvalue": " ".join(words)},
                draft.field(words[9], value=words[-1], shown=shown),
                draft.field(words[1], "select", shown=options, type="string",
                            enum=[words[6], words[8]]),
            )
        )  # fmt: skip
    made = draft.finish(*sections, {"type": "submit", "title": MARK})
    schema = {**made.schema, "properties": {**first.schema["properties"], **draft.properties}}
    return Form(schema, [*first.form, *made.form], {**first.model, **made.model})


def asking(seconds: float = 1200.0) -> Recipe:
    recipe = scenarios.asking(hostile_form, seconds=seconds)
    steps = [Leaf(text, 0.01, text=text) for text in (*CORPUS, BIDI, LONG)]
    return replace(recipe, blocks=[*steps, *recipe.blocks], odd={"message": MARK})


def failing(seconds: float = 0.1) -> Recipe:
    steps = [
        Leaf("Check", seconds),
        Leaf(MARK, seconds, fate="Error", text=f"{BIDI} {MARK} {LONG}"),
    ]
    return Recipe(steps, "Error")


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch) -> Iterator[serve.Running]:
    monkeypatch.setitem(scenarios.SCENARIOS, "hostile_asking", asking)
    monkeypatch.setitem(scenarios.SCENARIOS, "hostile_failing", failing)
    with serve.running("smartflows", seed=41, speed=20) as running:
        yield running


class Watched:
    """A page, and everything it did that a page with text alone does not do."""

    def __init__(self, context: BrowserContext, product: Product) -> None:
        self.page: Page = context.new_page()
        self.product = product
        self.sins: list[str] = []
        hosts = {urlsplit(product.base_url).netloc, f"127.0.0.1:{product.live_port}"}
        self.page.add_init_script(
            "document.addEventListener('securitypolicyviolation',"
            " e => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))"
        )

        def asked(url: str) -> None:
            is_known = urlsplit(url).netloc in hosts or url.startswith("data:")
            if not is_known or "planted" in url:
                self.sins.append(f"request {url}")

        self.page.on("request", lambda request: asked(request.url))
        self.page.on("dialog", lambda dialog: (self.sins.append(dialog.message), dialog.dismiss()))
        self.page.on("pageerror", lambda error: self.sins.append(f"error {error}"))
        self.page.on(
            "console",
            lambda said: self.sins.append(said.text) if said.type == "error" else None,
        )
        stay_signed_in(self.page, product)

    def visit(self, path: str) -> str:
        """The text of the page, after everything that could run has had its time."""
        answer = self.page.goto(f"{self.product.base_url}{path}")
        assert answer is not None
        assert answer.status == 200, path
        for each in self.page.locator("main details").all():
            each.evaluate("each => { each.open = true }")
        return self.look(path)

    def look(self, where: str) -> str:
        self.page.wait_for_timeout(300)
        assert self.page.evaluate("window.owned") is None, where
        assert "Annunciator" in self.page.title(), where
        assert self.page.locator(INJECTED).count() == 0, where
        assert self.sins == [], where
        text = self.page.locator("main").inner_text()
        assert not set(text) & set("\u202e\u2066\u200b\u0007"), where
        wide = "document.documentElement.scrollWidth - window.innerWidth"
        assert self.page.evaluate(wide) <= 0, f"{where} is wider than the window"
        return text


@pytest.mark.fault("B6")
def test_hostile_texts_are_shown_as_they_are_and_do_nothing(
    context: BrowserContext, product: Product, sim: serve.Running
) -> None:
    name = f"Hostile {MARK}"[:100]
    product.add_account(name, "smartflows", {"base_url": sim.base_url}, api_key=sim.api_key)
    asks = sim.start("hostile_asking", flow=MARK)
    fails = sim.start("hostile_failing", flow=LONG)
    sql = (
        "SELECT e.id, e.workflow_id, e.account_id, q.id FROM executions_execution e"
        " LEFT JOIN executions_question q ON q.execution_id = e.id"
        " WHERE e.ref = %s AND e.status = %s"
    )
    run, workflow, account, question = product.wait_until(
        lambda: [row for row in product.query(sql, asks, "user_input") if row[3]], "it asks"
    )[0]
    [(failed, *_)] = product.wait_until(lambda: product.query(sql, fails, "failed"), "it fails")
    watched = Watched(context, product)
    try:
        rows = watched.visit(f"/?account={account}")
        assert rows.count(MARK) >= 2  # the flow of one, the error of the other
        watched.visit(f"/executions/{run}/")
        steps = watched.visit(f"/executions/{run}/?steps=order")
        missing = [text for text in CORPUS if words(text) not in words(steps)]
        assert missing == []
        assert MARK in watched.visit(f"/executions/{failed}/")
        for tab in ("data", "history"):
            watched.visit(f"/executions/{failed}/?tab={tab}")
        form = watched.visit(f"/questions/{question}/")
        assert MARK in form
        assert f"<script>{RUN}</script>" in form
        assert MARK in watched.visit("/inbox/")
        for path in (
            "/workflows/",
            f"/workflows/{workflow}/",
            f"/accounts/{account}/",
            "/accounts/",
        ):
            assert MARK[:40] in watched.visit(path)
        watched.visit(f"/admin/providers/provideraccount/{account}/change/")
        # The same texts once more, as live updates put them into an open page.
        watched.visit(f"/?account={account}")
        expect(watched.page.locator("#live")).to_have_attribute("data-state", "live")
        sim.world.runs[asks].proceed()
        expect(watched.page.locator(f"#run-{run}")).to_contain_text("Succeeded")
        assert MARK in watched.look("a live update")
    finally:
        watched.page.close()
        product.query(
            "UPDATE providers_provideraccount SET enabled = false WHERE name = %s RETURNING id",
            name,
        )


def words(text: str) -> str:
    """Without the spaces that a page folds."""
    return " ".join(text.split())
