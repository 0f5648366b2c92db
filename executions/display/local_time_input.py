"""Wall clocks of a time zone: twice a year a time does not exist, or exists twice."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils import timezone


class UnclearTime(ValueError):
    """A wall clock that stands for no moment, or for two. `str()` is a sentence for people."""

    def __init__(self, sentence: str, moments: tuple[datetime, ...] = ()) -> None:
        super().__init__(sentence)
        self.moments = moments


def moments_of(wall: datetime) -> tuple[datetime, ...]:
    """The moments at which a clock of the reader's zone shows `wall`, which has no zone itself:
    one, none, or two in their order."""
    zone = timezone.get_current_timezone()
    found: list[datetime] = []
    for fold in (0, 1):
        moment = wall.replace(tzinfo=zone, fold=fold)
        try:
            is_real = moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall
        except OverflowError:  # at either end of the calendar
            is_real = True
        if is_real and all(moment.utcoffset() != other.utcoffset() for other in found):
            found.append(moment)
    return tuple(found)


def moment_of(wall: datetime) -> datetime:
    """The one moment that `wall` stands for in the reader's zone. Raises UnclearTime."""
    found = moments_of(wall)
    if len(found) == 1:
        return found[0]
    clock, zone = f"{wall:%H:%M} on {wall:%Y-%m-%d}", timezone.get_current_timezone_name()
    if not found:
        raise UnclearTime(f"{clock} does not exist in {zone}: clocks are put forward then.")
    words = " and as ".join(named(moment) for moment in found)
    raise UnclearTime(f"{clock} exists twice in {zone}, as {words}.", found)


def named(moment: datetime) -> str:
    """A wall clock with the zone that is in force: `01:30 EDT (UTC-04:00)`."""
    name, ahead = moment.strftime("%Z"), offset(moment)
    word = f" {name}" if name[:1].isalpha() else ""  # some zones are named by their offset
    return f"{moment:%H:%M}{word} (UTC{ahead})"


def offset(moment: datetime) -> str:
    """`-04:00`; seconds, as before clocks were set by the hour, are cut off."""
    written = moment.strftime("%z")
    return f"{written[:3]}:{written[3:5]}"


def read_moment(text: str) -> tuple[datetime | None, str]:
    """A moment in ISO 8601, in UTC, and a sentence about it where it is none or not clear; without
    a zone it is in the reader's. Of one that exists twice the first is taken."""
    unclear = ""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment_of(moment)
    except UnclearTime as error:
        if not error.moments:
            return None, str(error)
        moment, other = error.moments[0], error.moments[-1].astimezone(UTC)
        unclear = f"{error} The first is taken; for the other write {other:%Y-%m-%dT%H:%MZ}."
    except ValueError:
        return None, _no_time(text)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        return None, _no_time(text)
    return (moment, unclear) if 1971 < moment.year < 9000 else (None, _no_time(text))


def _no_time(text: str) -> str:
    return f"“{text[:40]}” is not a time; write 2026-11-22T09:30Z."
