"""`tinct serve` and `tinct turing`: pages in a browser."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinct.cli.colorize import Caution, Denoise, Model, Runtime, Size, Temperature
from tinct.cli.output import print_json, progress, say
from tinct.errors import SettingError, UnreadableError

if TYPE_CHECKING:
    from tinct.web.turing_answers import Outcome

SERVE_EPILOG = """Examples:

tinct serve

tinct serve --port 9000 --megapixels 40

tinct serve --host 0.0.0.0 --name studio.local --token-file token.txt"""
TURING_EPILOG = """Examples:

tinct turing photos/

tinct turing photos/ --temperature 0.3 --pairs 20 --answers study.sqlite

tinct turing --results --answers study.sqlite"""

Host = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Listen at this address; 0.0.0.0 lets other machines in, too.")
]
Port = Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Listen at this port; 0 takes a free one.")]
Name = Annotated[
    list[str] | None,
    typer.Option("--name", metavar="HOST", help="Answer to this host name, too; may be given several times."),
]
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
Browser = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]
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
    """Add the verbs."""
    app.command(epilog=SERVE_EPILOG)(serve)
    app.command(epilog=TURING_EPILOG)(turing)


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
    from tinct.classify.classifier import Classifier
    from tinct.colorize.colorizer import Colorizer
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
    _run(app, bound, host, path="" if token is None else f"#token={token}", browser=browser)


Folder = Annotated[Path | None, typer.Argument(metavar="FOLDER", help="A folder of colour photographs.")]
Results = Annotated[bool, typer.Option("--results", help="Print what came of it; with FOLDER, by photograph too.")]
AnswersFile = Annotated[Path, typer.Option("--answers", metavar="FILE", help="Keep the answers in this SQLite file.")]
PairCount = Annotated[int, typer.Option("--pairs", metavar="N", help="Show so many pairs that count.")]
PracticeCount = Annotated[int, typer.Option("--practice", metavar="N", help="Show so many for practice before.")]
CheckCount = Annotated[int, typer.Option("--checks", metavar="N", help="Mix so many attention checks in.")]
Seconds = Annotated[float, typer.Option(metavar="SECONDS", help="Show each picture for this long.")]


def turing(
    folder: Folder = None,
    results: Results = False,
    answers: AnswersFile = Path("turing.sqlite"),
    model: Model = "photo",
    temperature: Temperature = None,
    caution: Caution = None,
    runtime: Runtime = "auto",
    pairs: PairCount = 40,
    practice: PracticeCount = 5,
    checks: CheckCount = 4,
    seconds: Seconds = 1.0,
    host: Host = "127.0.0.1",
    port: Port = 8001,
    name: Name = None,
    browser: Browser = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results as JSON.")] = False,
) -> None:
    """Ask people which of two pictures has the real colours, and say how often tinct's were taken for them."""
    from tinct.web import check_extra

    check_extra("tinct turing")
    if results:
        _print_results(answers, folder, as_json=as_json)
        return
    if folder is None:
        raise SettingError("name a folder of colour photographs, or ask for --results")
    from tinct.colorize.colorizer import Colorizer
    from tinct.web.server import host_names, listen
    from tinct.web.turing import Design, create_turing_app
    from tinct.web.turing_answers import Answers
    from tinct.web.turing_trials import Pairs

    design = Design(pairs=pairs, practice=practice, checks=checks, seconds=seconds)
    kept = Answers(answers, create=True)
    colorizer = Colorizer(model, runtime=runtime, temperature=temperature, caution=caution)
    with progress("Looking for colour photographs") as advance:
        shown = Pairs(folder, colorizer, progress=advance)
    say(f"{len(shown.paths)} colour photographs; {shown.left_out} have no colours or cannot be read", on_stderr=True)
    bound = listen(host, port)
    app = create_turing_app(shown, kept, colorizer, design=design, names=host_names(host, tuple(name or ())))
    _run(app, bound, host, path="turing", browser=browser)


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


def _run(app: object, bound: object, host: str, *, path: str, browser: bool) -> None:
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


def _print_results(answers: Path, folder: Path | None, *, as_json: bool) -> None:
    from tinct.web.turing_answers import Answers
    from tinct.web.turing_trials import named_pictures

    outcomes = Answers(answers, create=False).outcomes()
    names = named_pictures(folder) if folder is not None else {}
    for outcome in outcomes:
        if as_json:
            print_json(
                outcome.to_json() | {"names": {key: str(names[key]) for key in outcome.pictures if key in names}}
            )
        else:
            _print_outcome(outcome, {key: str(path) for key, path in names.items()})
    if not outcomes and not as_json:
        print("nobody has answered yet", file=sys.stderr)


def _print_outcome(outcome: Outcome, names: dict[str, str]) -> None:
    kind = "" if outcome.temperature is None else f", temperature {outcome.temperature:g}, caution {outcome.caution:g}"
    print(f"{outcome.model}{kind}")
    if outcome.share is None or outcome.low is None or outcome.high is None:
        print("    no session counts yet")
    else:
        print(
            f"    taken for real: {outcome.share:.1%} of {outcome.pairs} pairs "
            f"(95 % interval {outcome.low:.1%} to {outcome.high:.1%}); 50 % would mean that nobody can tell"
        )
    print(
        f"    sessions that count: {outcome.sessions}; not finished: {outcome.unfinished}; "
        f"not attentive: {outcome.inattentive}"
    )
    for picture, (shown, fooled) in sorted(outcome.pictures.items(), key=lambda item: -item[1][1] / item[1][0]):
        if picture in names:
            print(f"    {fooled} of {shown}  {names[picture]}")
