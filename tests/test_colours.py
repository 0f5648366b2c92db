"""The colours of the lamps, measured: contrast on every ground they stand on, and the distance
between any two of them as people with red or green blindness see them."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest
from coloraide import Color

TOKENS = Path(__file__).resolve().parent.parent / "static" / "css" / "tokens.css"
LAMPS = ("needs", "failed", "warning", "active", "done", "unknown")
GROUNDS = ("ground", "panel", "raised", "sunk")
TINTS = tuple(f"{lamp}-tint" for lamp in LAMPS if lamp != "unknown")
TEXT, MARK = 4.5, 3.0  # WCAG 2.2: 1.4.3 and 1.4.11
APART = 10.0  # CIEDE2000; 2.3 is what a trained eye just sees
EYES = (None, "deutan", "protan")
PLAIN_TEXT = [  # (ink, ground, least contrast)
    *(("text", ground, TEXT) for ground in (*GROUNDS, *TINTS)),
    *(("muted", ground, TEXT) for ground in (*GROUNDS, *TINTS)),
    *(("link", ground, TEXT) for ground in (*GROUNDS, *TINTS)),
    *(("focus", ground, MARK) for ground in (*GROUNDS, *TINTS)),
    *(("line-strong", ground, MARK) for ground in ("panel", "raised")),  # borders of fields
    ("bar-text", "bar", TEXT),
    ("bar-muted", "bar", TEXT),
    ("needs-on", "needs-fill", TEXT),
    ("panel", "text", TEXT),  # a primary button, a toast
]


def tokens() -> dict[str, dict[str, str]]:
    """The colours of both themes by name."""
    told = r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);"
    found = re.findall(told, TOKENS.read_text())
    assert found
    return {
        "light": {name: light for name, light, _ in found},
        "dark": {name: dark for name, _, dark in found},
    }


THEMES = tokens()
each_theme = pytest.mark.parametrize("theme", THEMES)


def contrast(theme: str, ink: str, ground: str) -> float:
    colours = THEMES[theme]
    return Color(colours[ink]).contrast(colours[ground], method="wcag21")


def seen(colour: str, eye: str | None) -> Color:
    return Color(colour).filter(eye, severity=1) if eye else Color(colour)


@each_theme
@pytest.mark.parametrize("lamp", LAMPS)
def test_the_word_of_a_lamp_can_be_read_on_every_ground(theme, lamp):
    own = [f"{lamp}-tint"] if f"{lamp}-tint" in THEMES[theme] else []
    poor = {on: contrast(theme, lamp, on) for on in (*GROUNDS, *own)}
    assert {on: ratio for on, ratio in poor.items() if ratio < TEXT} == {}


@each_theme
@pytest.mark.parametrize("lamp", LAMPS)
def test_the_mark_of_a_lamp_can_be_seen_on_every_ground(theme, lamp):
    own = [f"{lamp}-tint"] if f"{lamp}-tint" in THEMES[theme] else []
    poor = {on: contrast(theme, f"{lamp}-fill", on) for on in (*GROUNDS, *own)}
    assert {on: ratio for on, ratio in poor.items() if ratio < MARK} == {}


@each_theme
def test_plain_text_borders_and_the_focus_ring_stand_out(theme):
    poor = {
        (ink, ground): ratio
        for ink, ground, least in PLAIN_TEXT
        if (ratio := contrast(theme, ink, ground)) < least
    }
    assert poor == {}


@each_theme
@pytest.mark.parametrize("eye", EYES, ids=["full-colour", "deuteranopia", "protanopia"])
@pytest.mark.parametrize("use", ["", "-fill"], ids=["words", "marks"])
def test_any_two_lamps_can_be_told_apart(theme, eye, use):
    alike = {}
    for one, other in combinations(LAMPS, 2):
        first, second = (seen(THEMES[theme][f"{lamp}{use}"], eye) for lamp in (one, other))
        distance = first.delta_e(second, method="2000")
        if distance <= APART:
            alike[one, other] = round(distance, 1)
    assert alike == {}
