"""The push channel of simulated flow8: every event to every connection, nothing is kept."""

import asyncio
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from providers.demo.simulator import World

SERVICE_RESTART = 1012  # WebSocket close code


class Channel:
    """The push channel: every event to every connection, nothing is kept for later."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.listeners: dict[asyncio.Queue[Any], asyncio.AbstractEventLoop] = {}
        world.listeners.append(self.emit)
        world.ticks.append(self._drop_if_asked)

    def emit(self, event: dict[str, Any] | None) -> None:
        """Send to all; None closes them. A test may look at a run from another thread."""
        for queue, loop in list(self.listeners.items()):
            loop.call_soon_threadsafe(queue.put_nowait, event)

    def _drop_if_asked(self) -> None:
        if self.world.options.get("ws") == "drop":
            self.emit(None)

    async def serve(self, socket: WebSocket) -> None:
        await socket.accept()
        queue: asyncio.Queue[Any] = asyncio.Queue()
        self.listeners[queue] = asyncio.get_running_loop()
        gone = asyncio.create_task(until_gone(socket))
        try:
            await self._pass_on(socket, queue, gone)
        except WebSocketDisconnect:
            pass  # went away while an event was under way
        finally:
            del self.listeners[queue]
            gone.cancel()

    async def _pass_on(
        self, socket: WebSocket, queue: asyncio.Queue[Any], gone: asyncio.Task[None]
    ) -> None:
        while True:
            coming = asyncio.create_task(queue.get())
            await asyncio.wait({coming, gone}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                coming.cancel()
                return
            event = coming.result()
            if event is None:
                await socket.close(SERVICE_RESTART)
                return
            await socket.send_json(event)


async def until_gone(socket: WebSocket) -> None:
    """There is no message a client could send; whatever comes is dropped."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
