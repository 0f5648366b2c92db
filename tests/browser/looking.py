"""What every page is looked at for: its two themes, and what axe-core finds in it."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

THEMES = ("light", "dark")
REPEATED = ["tr:nth-of-type(n+13)", "li:nth-of-type(n+25)"]
"""Rows of lists that say again, in the same parts, what those above them do."""
AXE = Axe().axe_script
RUN = "async ([where, options]) => (await axe.run(where, options)).violations"
OF_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


def in_theme(page: Page, theme: str) -> None:
    """Colours that fade over are awaited: half-way they are no one's."""
    page.evaluate(
        """async (theme) => {
            document.documentElement.dataset.theme = theme;
            const fading = document.getAnimations().filter((each) => each instanceof CSSTransition);
            await Promise.allSettled(fading.map((each) => each.finished));
        }""",
        theme,
    )


def violations(page: Page) -> list[str]:
    """What axe-core finds in both themes, as a line per element. In the second one only what has
    to do with colours is looked for: nothing else differs."""
    page.evaluate(AXE)
    lines = []
    for theme, only in zip(THEMES, ({}, OF_COLOURS), strict=True):
        in_theme(page, theme)
        options = {"resultTypes": ["violations"], **only}
        lines += [
            f"{theme}: {each['id']}: {node['html'][:160]} ({node['failureSummary'][:300]})"
            for each in page.evaluate(RUN, [{"exclude": [[rows] for rows in REPEATED]}, options])
            for node in each["nodes"]
        ]
    return lines
