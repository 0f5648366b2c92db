"""Starts its own Postgres, Valkey and provider in a temporary folder, measures, prints, and exits
with 1 if a goal is missed. `python -m benchmarks [polling] [lists] [overview] [browser]`: all,
or these; `history`, a quarter of an hour, `pages`, several minutes, and `engines`, which installs
Prefect and Airflow, have to be asked for."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

PARTS = ("polling", "lists", "overview", "browser")
ON_REQUEST = ("history", "pages", "engines")


def main(parts: list[str]) -> int:
    unknown = [part for part in parts if part not in PARTS + ON_REQUEST]
    if unknown:
        print(f"There is no part {', '.join(unknown)}; there are {', '.join(PARTS + ON_REQUEST)}.")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the services stop as well
    with tempfile.TemporaryDirectory(prefix="annunciator-bench-") as folder:
        # Postgres runs as a user of its own where we are root, and must get at its folder.
        os.chmod(folder, 0o755)  # noqa: S103
        prepare_environment(Path(folder), is_spared="history" in parts)
        return measure(Path(folder), parts or list(PARTS))


def prepare_environment(folder: Path, *, is_spared: bool) -> None:
    """`is_spared`: providers are asked at their own pace, not as fast as the door can."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    os.environ |= {
        "ANNUNCIATOR_DATA": str(folder),
        "ANNUNCIATOR_DEMO": "0",
        "ANNUNCIATOR_ALLOWED_NETWORKS": "127.0.0.0/8:*",
        "ANNUNCIATOR_PACE": "1" if is_spared else "1000000",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # the browser driver runs an event loop
    }


def measure(folder: Path, parts: list[str]) -> int:
    from config.embedded_services import services

    figures = []
    with services():
        import django

        django.setup()
        from django.core.management import call_command

        logging.disable(logging.INFO)
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        for part in parts:
            started = time.monotonic()
            print(f"== {part}", flush=True)
            for figure in run(part, folder):
                figures.append(figure)
                print(figure.line(), flush=True)
            print(f"   took {time.monotonic() - started:.0f} s", flush=True)
    missed = [figure for figure in figures if not figure.is_met]
    print(f"{len(figures)} figures, {len(missed)} missed.")
    return 1 if missed else 0


def run(part: str, folder: Path):  # type: ignore[no-untyped-def]
    """The figures of one part, as they are measured. Imported late: Django must be set up."""
    if part == "polling":
        from benchmarks import bare_provider_server, polling, settling

        yield from settling.figures()
        with bare_provider_server.running() as server:
            yield from polling.path_figures(server)
            yield from polling.unchanged_figures(server)
    elif part == "lists":
        from benchmarks import lists

        yield from lists.figures()
    elif part == "history":
        from benchmarks import first_import

        yield from first_import.figures(folder)
    elif part == "overview":
        from benchmarks import overview

        yield from overview.figures()
    elif part == "pages":
        from benchmarks import open_pages

        yield from open_pages.figures(folder)
    elif part == "engines":
        from benchmarks import beside_engines

        yield from beside_engines.figures(folder)
    else:
        from benchmarks import page_update_delay

        yield from page_update_delay.figures(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
