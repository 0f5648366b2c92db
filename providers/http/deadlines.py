"""One deadline for a whole request: the sockets that it uses are shut down when it passes."""

from __future__ import annotations

import heapq
import socket
import threading
import time


class Guard:
    """The sockets that one request uses, shut down when its deadline passes.

    A connection that the server closes after the answer is let go of before the body is read: its
    socket is then left to the guard, which closes it with the request.
    """

    def __init__(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds
        self.has_expired = False
        self.has_sent = False
        """Whether a first byte of the request has been handed to a connection."""
        self.is_over = False
        self._sockets: list[socket.socket] = []
        self._left: list[socket.socket] = []
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """Seconds, 0 when it is over."""
        return max(0.0, self.ends_at - time.monotonic())

    def hold(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.append(sock)

    def take_over(self, sock: socket.socket) -> None:
        """Close it when the request is over, which may be now."""
        with self._lock:
            if self.is_over:
                sock.close()
            else:
                self._left.append(sock)

    def expire(self) -> None:
        with self._lock:
            self.has_expired = True
            for sock in self._sockets:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # already closed by the other side

    def finish(self) -> None:
        with self._lock:
            self.is_over = True
            self._sockets.clear()
            while self._left:
                self._left.pop().close()


class Watchdog:
    """One thread that expires the guards of all requests in flight."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._due: list[tuple[float, int, Guard]] = []
        self._thread: threading.Thread | None = None
        self._count = 0

    def watch(self, guard: Guard) -> None:
        with self._condition:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="http-deadline", daemon=True)
                self._thread.start()
            self._count += 1
            heapq.heappush(self._due, (guard.ends_at, self._count, guard))
            if self._due[0][2] is guard:
                self._condition.notify()

    def _run(self) -> None:
        with self._condition:
            while True:
                while self._due and (self._due[0][2].is_over or self._due[0][0] <= self._now()):
                    guard = heapq.heappop(self._due)[2]
                    if not guard.is_over:
                        guard.expire()
                self._condition.wait(self._due[0][0] - self._now() if self._due else None)

    @staticmethod
    def _now() -> float:
        return time.monotonic()


watchdog = Watchdog()
current = threading.local()
"""Of this thread: `guard`, the request in flight."""
