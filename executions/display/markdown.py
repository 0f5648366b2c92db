"""Markdown as markup: what people write, a runbook, and what we write, the help."""

from __future__ import annotations

from markdown_it import MarkdownIt

from executions.display.html_sanitizing import plain, rich

_MARKDOWN = MarkdownIt("js-default", {"html": False, "linkify": False}).disable("image")


def marked_up(text: str, limit: int, *, below: int = 2, is_ours: bool = False) -> str:
    """Raw HTML is text in it, and pictures are left out. Headings begin below the `below` upper
    levels, which are those of the page. `limit`: characters of the text. Links of ours stay in the
    tab; others open one of their own."""
    tokens = _MARKDOWN.parse(plain(text, limit))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + below)}"
    written = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return rich(written, 10 * limit, is_ours=is_ours)
