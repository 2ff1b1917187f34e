"""Tell the visitors of a server apart, so that no single one takes all places."""

from __future__ import annotations

import ipaddress

from starlette.types import Scope


def visitor_of(scope: Scope) -> str | None:
    """Return what a request's visitor is counted by; None for this machine itself, which is not limited.

    That is the address, or the first 64 bits of an IPv6 address, since one household has all the rest. Behind a proxy
    on this machine all visitors look the same, and the proxy has to limit them.
    """
    client = scope.get("client")
    if client is None:
        return None
    try:
        address = ipaddress.ip_address(client[0].partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return None if address.is_loopback else str(ipaddress.ip_network((address, 64), strict=False))
        address = address.ipv4_mapped
    return None if address.is_loopback else str(address)


def most_each(places: int, share: float) -> int:
    """Return how many of these places one visitor may take by a share (0..1): at least 1."""
    return max(1, int(places * share))
