"""What `tinct serve` and `tinct turing` share: where they listen, and running the server."""

from __future__ import annotations

from typing import Annotated

import typer

from tinct.cli.output import say

Host = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Listen at this address; 0.0.0.0 lets other machines in, too.")
]
Port = Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Listen at this port; 0 takes a free one.")]
Name = Annotated[
    list[str] | None,
    typer.Option("--name", metavar="HOST", help="Answer to this host name, too; may be given several times."),
]
Browser = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]


def run_server(app: object, bound: object, host: str, *, path: str, browser: bool) -> None:
    """Serve an application until somebody ends it, and say where it is."""
    import socket
    import webbrowser
    from typing import Any, cast

    from tinct.web.server import address_of, serve

    where = cast(socket.socket, bound)
    address = address_of(where, host) + path

    def ready() -> None:
        say(f"tinct is at {address}  (Ctrl-C ends it)")
        if browser:
            webbrowser.open(address)

    serve(cast(Any, app), where, ready=ready)
