"""Check who asks, who may ask and from where, and tell browsers how to treat the answers."""

from __future__ import annotations

import hmac
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tinct.web.problems import Problem

# Nothing is loaded from elsewhere, pages have no inline scripts or styles, and no other page may frame them.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
SAFE_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), interest-cohort=()",
}
# What needs no token: the pages themselves, which hold nothing private, and the check whether the server is up.
_OPEN = ("/", "/healthz", "/turing", "/docs")
LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")


class SafeHeaders:
    """Middleware that adds the headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, answer if scope["type"] == "http" else send)


class Guard:
    """Middleware that refuses other sites' pages, unknown names of this server, and missing tokens."""

    def __init__(self, app: ASGIApp, *, token: str | None, names: tuple[str, ...] | None) -> None:
        """Guard an application.

        Args:
            app: the application.
            token: that each request must have; without it, requests need none.
            names: host names that the server answers to, so that no other site can reach it by a name of its own (DNS
                rebinding); without them, any. Plain IP addresses are always answered.
        """
        self._app = app
        self._token = token
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope)
            except Problem as problem:
                response = problem.response()
                if problem.status == 401:
                    response.headers["www-authenticate"] = "Bearer"
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = _name(host)
        if self._names is not None and name not in self._names and _address(name) is None:
            raise Problem(403, "This server does not answer to that name. Use the address it printed at its start.")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            raise Problem(403, "Pages of other sites may not use this server.")
        path = scope["path"]
        if self._token is None or path in _OPEN or path.startswith("/static/"):
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token.encode()):
            raise Problem(401, "This server requires a token. Send the header  Authorization: Bearer TOKEN.")


def _name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def is_local(host: str) -> bool:
    """Check whether an address is reached from this machine only."""
    address = _address(host)
    return host in LOCAL_NAMES or (address is not None and address.is_loopback)


def visitor_of(scope: Scope) -> str | None:
    """Return what a request's visitor is counted by; None for this machine itself, which is not limited.

    That is the address, or the first 64 bits of an IPv6 address, since one household has all the rest. Behind a proxy
    on this machine all visitors look the same, and the proxy has to limit them.
    """
    client = scope.get("client")
    address = None if client is None else _address(client[0].partition("%")[0])
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address is None or address.is_loopback:
        return None
    return str(ip_network((address, 64), strict=False) if isinstance(address, IPv6Address) else address)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None
