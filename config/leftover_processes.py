"""Finds and ends what a `manage.py run` started, by a mark in the environment of its processes.

Called by `preflight` at a start, and by `run_watchdog` when a run was killed.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

MARK = "ANNUNCIATOR_STARTED_BY"
STOPS_WITHIN = 5.0  # seconds; then killed


def mark(folder: Path, run: str = "") -> str:
    """What the processes of one run carry as MARK; without `run`, how the marks of all runs of the
    folder begin."""
    return f"{folder}#{run}"


def end(started_by: str) -> int:
    """End every process whose mark begins so; returns how many there were."""
    found = [process for process in psutil.process_iter() if _is_marked(process, started_by)]
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(found, STOPS_WITHIN)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, STOPS_WITHIN)
    return len(found)


def _is_marked(process: psutil.Process, started_by: str) -> bool:
    try:
        return str(process.environ().get(MARK, "")).startswith(started_by)
    except (psutil.Error, OSError):
        return False  # gone, or another user's
