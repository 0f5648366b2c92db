"""The command line of every process of the product, in one place for all who start them."""

from __future__ import annotations

import sys
from pathlib import Path


def processes(*, host: str, port: int, live_port: int, data: Path) -> dict[str, str]:
    """Command lines by process name; run them in the project's folder, with its environment."""
    python = f'"{sys.executable}"'
    # Running as root is allowed: containers do it.
    celery = f"{python} -W ignore::UserWarning -m celery -q -A config"
    quiet = "-l warning --without-gossip --without-mingle"
    return {
        "web": f"{python} -m granian --interface asgi --no-ws --http 1 --host {host} --port {port}"
        " --workers 1 --backpressure 1024 --http1-header-read-timeout 10000 --no-access-log"
        " --log-level error config.asgi:app",
        "live": f"{python} -m uvicorn config.live_stream:app --host {host} --port {live_port}"
        " --http config.live_stream_slow_senders:Patient --log-level warning --no-access-log"
        " --timeout-graceful-shutdown 1",
        "worker": f"{celery} worker -Q command -P threads -c 8 -n worker@%h {quiet}",
        "poller": f"{celery} worker -Q poll -P threads -c 32 -n poller@%h {quiet}",
        "beat": f"{celery} beat -l warning --pidfile="
        " -S config.monotonic_beat_scheduler:MonotonicScheduler"
        f' -s "{data / "beat-alive"}"',
        "listener": f'{python} manage.py listen --sign-of-life "{data / "listener-alive"}"',
    }


def demo(*, host: str, ports: str, data: Path) -> str:
    """The demo providers, which keep their worlds. `ports` as their `--ports` takes them; `host` as
    the other processes reach them."""
    address = "127.0.0.1" if host in ("127.0.0.1", "localhost") else "0.0.0.0"  # noqa: S104
    return (
        f'"{sys.executable}" -m providers.demo.serve --host {address} --ports {ports} '
        f'--state "{data / "demo"}"'
    )
