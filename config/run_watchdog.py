"""Watchdog of one `manage.py run`: ends the processes that it leaves behind when it is killed.

Usage: `python -m config.run_watchdog FOLDER RUN`.

`preflight` starts one and holds the other end of its input. The kernel closes that end however the
run dies, kill -9 included; then whatever the run started is ended, and the embedded services stop
if nobody else uses them. After an ordinary end there is nothing left to do but that.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from config import embedded_services, leftover_processes


def main(folder: Path, run: str) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with embedded_services.sharing(folder):
        sys.stdin.buffer.read()
        leftover_processes.end(leftover_processes.mark(folder, run))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
