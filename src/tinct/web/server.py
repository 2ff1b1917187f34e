"""Serve an application with a socket and Uvicorn until it is stopped."""

from __future__ import annotations

import asyncio
import socket
import webbrowser
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from tinct.errors import OutputError, SettingError
from tinct.web.security import LOCAL_NAMES, is_local

HEAD_SECONDS = 15.0  # a connection that has not sent the whole head of a request within this many seconds is closed
_MOST_CONNECTIONS = 1000  # Uvicorn itself answers connections beyond this number with 503


class PatientOnce(H11Protocol):
    """The HTTP protocol, but waiting only `HEAD_SECONDS` for the head of a connection's first request."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head_timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_timer.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


def host_names(host: str, more: tuple[str, ...], *, token: bool = False) -> tuple[str, ...] | None:
    """Return the names that a server answers to; None for any, which is safe with a token that other sites lack."""
    if token and not more and not is_local(host):
        return None
    own = host if is_local(host) else socket.gethostname()
    return (*LOCAL_NAMES, own.lower(), *(name.lower() for name in more))


def listen(host: str, port: int) -> socket.socket:
    """Bind a socket.

    Raises:
        SettingError: there is no such address.
        OutputError: the port is taken, or may not be used.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, OverflowError, UnicodeError) as error:
        raise SettingError(f"{host}: not an address of this machine; give 127.0.0.1, or 0.0.0.0 for all") from error
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(512)
    except OSError as error:
        bound.close()
        raise OutputError(
            f"port {port} at {host} cannot be used ({error.strerror}); choose another with --port"
        ) from error
    return bound


def address_of(bound: socket.socket, host: str) -> str:
    """Return the address to type into a browser."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{bound.getsockname()[1]}/"


def serve(app: ASGIApp, bound: socket.socket, *, page: str, browser: bool, say: Callable[[str], object]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        app: the application.
        bound: a socket that listens.
        page: the page's address, which is printed as soon as requests are answered.
        browser: whether to open the page in a browser then.
        say: prints a line for the user.
    """

    def ready() -> None:
        say(f"tinct is at {page}  (Ctrl-C ends it)")
        if browser:
            webbrowser.open(page)

    config = uvicorn.Config(
        app,
        http=PatientOnce,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=5,
    )
    server = _Server(config, ready)
    try:
        server.run(sockets=[bound])
    finally:
        bound.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()
