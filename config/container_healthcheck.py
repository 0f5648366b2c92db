"""Health check of one container: `python -m config.container_healthcheck PROCESS`.

Exits with 0 if this machine's process of that name is healthy, else with 1 and the reason.
Runs without Django. Workers are asked by Celery's own `inspect
ping`; beat and listener answer nobody, but leave a file behind whenever they go round.
"""

from __future__ import annotations

import http.client
import sys
import time

from config import env

TIMEOUT = 10  # seconds
FILES = {"beat": ("beat-alive", 120), "listener": ("listener-alive", 60)}
"""In the data folder, and the seconds after which they are stale."""


def main(name: str) -> str:
    """What is wrong; "" if nothing is."""
    if name in FILES:
        return _problem_of_file(name)
    port = {
        "web": env.value("PORT", 8000),
        "live": env.value("LIVE_PORT", env.value("PORT", 8000) + 1),
        "demo": env.value("ANNUNCIATOR_DEMO_PORT", 8101),
    }[name]
    # The demo providers have no address for this; their log is open.
    return _problem_of_port(port, "/__demo/effects" if name == "demo" else "/healthz")


def _problem_of_port(port: int, path: str) -> str:
    hosts = env.value("ANNUNCIATOR_ALLOWED_HOSTS", []) or env.own_hosts()
    host = "localhost" if hosts[0] == "*" else hosts[0].lstrip(".")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", path, headers={"Host": host})
        status = connection.getresponse().status
    except OSError as error:
        return f"port {port} does not answer: {error}"
    finally:
        connection.close()
    return f"port {port} answers {status}" if status >= http.HTTPStatus.BAD_REQUEST else ""


def _problem_of_file(name: str) -> str:
    pattern, stale_after = FILES[name]
    written = [path.stat().st_mtime for path in env.data_folder().glob(pattern)]
    age = time.time() - max(written, default=0)
    return "" if age < stale_after else f"{name} has not gone round for {age:.0f} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) or 0)
