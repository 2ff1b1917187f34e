"""`tinct serve`: the page and the HTTP API."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tinct.cli.coloring_options import Caution, Denoise, Model, Runtime, Size, Temperature
from tinct.cli.output import say
from tinct.cli.server_options import Browser, Host, Name, Port, run_server
from tinct.errors import SettingError, UnreadableError

EPILOG = """Examples:

tinct serve

tinct serve --port 9000 --megapixels 40

tinct serve --host 0.0.0.0 --name studio.local --token-file token.txt"""

TokenFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Ask for the token that stands in this file. Or put it into the environment: TINCT_TOKEN."
    ),
]
Classifiers = Annotated[
    list[Path] | None,
    typer.Option(
        "--classifier",
        metavar="FILE",
        help="Recognise with this model of `tinct classify train`, too; may be given several times.",
    ),
]
PhotoMb = Annotated[float, typer.Option(metavar="MB", help="Take photographs of at most so many megabytes.")]
FilmMb = Annotated[float, typer.Option(metavar="MB", help="Take films of at most so many megabytes.")]
Megapixels = Annotated[float, typer.Option(metavar="N", help="Take pictures of at most so many megapixels.")]
FilmSeconds = Annotated[float, typer.Option(metavar="SECONDS", help="Take films of at most this length.")]
AtOnce = Annotated[int, typer.Option(metavar="N", help="Work on so many photographs at one time.")]
Waiting = Annotated[int, typer.Option(metavar="N", help="Let so many requests wait; answer more with 429.")]
FilmsWaiting = Annotated[int, typer.Option(metavar="N", help="Let so many films wait.")]
RequestSeconds = Annotated[
    float, typer.Option(metavar="SECONDS", help="Give up on a request after this long, coming in or in work.")
]
KeepSeconds = Annotated[float, typer.Option(metavar="SECONDS", help="Delete files that were not used for this long.")]
DiskMb = Annotated[float, typer.Option(metavar="MB", help="Keep at most so many megabytes of files.")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(epilog=EPILOG)(serve)


def serve(
    model: Model = "photo",
    classifier: Classifiers = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    name: Name = None,
    token_file: TokenFile = None,
    browser: Browser = False,
    temperature: Temperature = None,
    caution: Caution = None,
    size: Size = None,
    denoise: Denoise = "auto",
    runtime: Runtime = "auto",
    photo_mb: PhotoMb = 100,
    film_mb: FilmMb = 2000,
    megapixels: Megapixels = 100,
    film_seconds: FilmSeconds = 600,
    at_once: AtOnce = 2,
    waiting: Waiting = 16,
    films_waiting: FilmsWaiting = 4,
    request_seconds: RequestSeconds = 60,
    keep_seconds: KeepSeconds = 3600,
    disk_mb: DiskMb = 8000,
) -> None:
    """Serve a page in the browser, and an HTTP API, for colouring photographs and films.

    Everything stays on this machine: nothing is fetched from elsewhere, and what was sent is deleted.
    """
    from tinct.web import check_extra

    check_extra("tinct serve")
    from tinct.coloring.photo.colorizer import Colorizer
    from tinct.recognize.classifier import Classifier
    from tinct.web.app import create_app
    from tinct.web.limits import Limits
    from tinct.web.server import host_names, is_local, listen

    limits = Limits(
        photo_mb=photo_mb,
        film_mb=film_mb,
        megapixels=megapixels,
        film_seconds=film_seconds,
        at_once=at_once,
        waiting=waiting,
        films_waiting=films_waiting,
        request_seconds=request_seconds,
        keep_seconds=keep_seconds,
        disk_mb=disk_mb,
    )
    token = _token(token_file)
    colorizer = Colorizer(model, runtime=runtime, temperature=temperature, caution=caution, size=size, denoise=denoise)
    recognisers = [Classifier(path) for path in classifier or ()]
    bound = listen(host, port)
    app = create_app(
        colorizer, classifiers=recognisers, limits=limits, token=token, names=host_names(host, tuple(name or ()))
    )
    if token is None and not is_local(host):
        say(f"notice: anybody who reaches {host} can use this server; --token-file asks for a token", on_stderr=True)
    run_server(app, bound, host, path="" if token is None else f"#token={token}", browser=browser)


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
