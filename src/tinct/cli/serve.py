"""`tinct serve`."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from tinct.cli.options import Browser, Host, Name, Port, examples, options_of, require_extra, takes
from tinct.cli.output import say
from tinct.coloring.settings import Decoding
from tinct.errors import SettingError, UnreadableError
from tinct.stopping import kept_if_stopped
from tinct.web.settings import Limits

DECODING = options_of(Decoding, "model", "temperature", "caution", "saturation", "size", "denoise", "runtime")


LIMITS = options_of(Limits)


@examples(
    "tinct serve",
    "tinct serve --port 9000 --megapixels 40",
    "tinct serve --host 0.0.0.0 --name studio.local --token-file token.txt",
)
@takes({**DECODING, **LIMITS})
def serve(
    classifier: Annotated[
        list[Path] | None,
        typer.Option(
            "--classifier",
            metavar="FILE",
            help="Also recognise pictures, with this model from `tinct classify train`; may be given several times.",
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    name: Name = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Require the token in this file; it may also be in the environment variable TINCT_TOKEN.",
        ),
    ] = None,
    browser: Browser = False,
    **given: Any,
) -> None:
    """Serve a page in the browser, and an HTTP API, for colouring photographs and films.

    Everything stays on this machine: nothing is fetched from elsewhere, and what was sent is deleted.
    """
    require_extra("web", "tinct serve")
    from tinct.coloring.photo.colorizer import Colorizer
    from tinct.recognize.classifier import Classifier
    from tinct.web.app import create_app
    from tinct.web.security import is_local
    from tinct.web.server import address_of, host_names, listen
    from tinct.web.server import serve as run

    limits = Limits(**{name: given[name] for name in LIMITS})
    token = _token(token_file)
    made_token = token is None and not name and not is_local(host)
    if made_token:
        token = secrets.token_urlsafe(18)
    colorizer = Colorizer(**{name: given[name] for name in DECODING})
    recognizers = [Classifier(path) for path in classifier or ()]
    bound = listen(host, port)
    names = host_names(host, tuple(name or ()), token=token is not None)
    app = create_app(colorizer, classifiers=recognizers, limits=limits, token=token, names=names)
    if made_token:
        say(
            f"notice: other machines can reach {host}, so a token was made; the address below contains it. Set your "
            "own with --token-file, or none by naming the host with --name HOST",
            on_stderr=True,
        )
    if token is None and not is_local(host):
        say(f"notice: anyone who can reach {host} can use this server; --token-file requires a token", on_stderr=True)
    page = address_of(bound, host) + ("" if token is None else f"#token={token}")
    with kept_if_stopped(lambda: "what was sent is deleted"):
        run(app, bound, page=page, browser=browser, say=say)


def _token(path: Path | None) -> str | None:
    if path is None:
        token = os.environ.get("TINCT_TOKEN", "").strip()
    else:
        try:
            token = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableError(f"{path}: no token can be read from it ({error})") from error
        if not token:
            raise SettingError(f"{path}: is empty; write a token into it")
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise SettingError("a token must be printable ASCII without spaces")
    return token or None
