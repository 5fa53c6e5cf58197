"""Whoever hangs up before the answer stops all work on it."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Leaving:
    """Cancels the handling of an HTTP request when its client is gone before it has the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # One message ahead: a body that nobody reads is not taken from the client either.
        messages: asyncio.Queue[Message] = asyncio.Queue(1)
        answered = False

        async def listen() -> None:
            while (message := await receive())["type"] != "http.disconnect":
                await messages.put(message)

        async def answer(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                answered = True
            await send(message)

        serving = asyncio.ensure_future(self._app(scope, messages.get, answer))
        listening = asyncio.ensure_future(listen())
        try:
            await asyncio.wait((serving, listening), return_when=asyncio.FIRST_COMPLETED)
            if answered or serving.done():  # servers say that who has it all is gone
                await serving
            else:
                serving.cancel()
                await asyncio.wait((serving,))
                if not serving.cancelled():
                    serving.result()
        finally:
            for task in (serving, listening):
                task.cancel()
            if listening.done() and not listening.cancelled():
                listening.exception()  # fetched, so that nobody complains of it
