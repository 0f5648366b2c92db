"""A measured figure with its goal, and how the rounds of two variants are taken in turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

ROUNDS = 5  # of each variant; the median counts


@dataclass(frozen=True)
class Figure:
    """`value` is compared with `goal`: at least it, or at most it. No goal: for reading only."""

    name: str
    value: float
    unit: str = ""
    goal: float | None = None
    way: Literal["at least", "at most"] = "at least"
    note: str = ""

    @property
    def is_met(self) -> bool:
        if self.goal is None:
            return True
        return self.value >= self.goal if self.way == "at least" else self.value <= self.goal

    def line(self) -> str:
        value = f"{self.value:.2f}".rstrip("0").rstrip(".")
        said = f"{self.name:<58} {value + self.unit:>9}"
        if self.goal is not None:
            met = "met" if self.is_met else "MISSED"
            said += f"   {self.way} {self.goal:g}{self.unit}: {met}"
        return f"{said}   {self.note}".rstrip()


def interleaved(
    ours: Callable[[], float], theirs: Callable[[], float], rounds: int = ROUNDS
) -> list[tuple[float, float]]:
    """Pairs of one round each, the order swapped every time, after one round to warm up."""
    ours(), theirs()
    pairs = []
    for number in range(rounds):
        if number % 2:
            second, first = theirs(), ours()
        else:
            first, second = ours(), theirs()
        pairs.append((first, second))
    return pairs


def median_ratio(pairs: list[tuple[float, float]]) -> float:
    """The median of the paired ratios: what disturbs a moment disturbs both of a pair."""
    return statistics.median(first / second for first, second in pairs)


def spread(pairs: list[tuple[float, float]]) -> str:
    ratios = sorted(first / second for first, second in pairs)
    return f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
