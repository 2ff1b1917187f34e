"""`tinct turing`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinct.cli.options import Browser, Host, Name, Port, examples, options_of, require_extra, takes
from tinct.cli.output import print_json, progress, say
from tinct.coloring.settings import Decoding
from tinct.errors import SettingError
from tinct.stopping import kept_if_stopped, kept_in
from tinct.web.settings import Design

if TYPE_CHECKING:
    from tinct.web.turing.answers import Outcome


TURING_DECODING = options_of(Decoding, "model", "temperature", "caution", "runtime")


DESIGN = options_of(Design)


@examples(
    "tinct turing photos/",
    "tinct turing photos/ --temperature 0.3 --pairs 20 --answers study.sqlite",
    "tinct turing --results --answers study.sqlite",
)
@takes({**TURING_DECODING, **DESIGN})
def turing(
    folder: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="A folder of colour photographs.")] = None,
    results: Annotated[
        bool, typer.Option("--results", help="Print the results; with FOLDER, of each photograph, too.")
    ] = False,
    answers: Annotated[
        Path, typer.Option("--answers", metavar="FILE", help="Keep the answers in this SQLite file.")
    ] = Path("turing.sqlite"),
    host: Host = "127.0.0.1",
    port: Port = 8001,
    name: Name = None,
    browser: Browser = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results as JSON.")] = False,
    **given: Any,
) -> None:
    """Ask people which of two pictures has the real colours, and report how often tinct's were taken for real."""
    require_extra("web", "tinct turing")
    if results:
        _print_results(answers, folder, as_json=as_json)
        return
    if folder is None:
        raise SettingError("name a folder of colour photographs, or ask for --results")
    from tinct.coloring.photo.colorizer import Colorizer
    from tinct.web.server import address_of, host_names, listen
    from tinct.web.server import serve as run
    from tinct.web.turing.answers import Answers
    from tinct.web.turing.app import create_turing_app
    from tinct.web.turing.trials import Pairs

    design = Design(**{name: given[name] for name in DESIGN})
    store = Answers(answers, create=True)
    colorizer = Colorizer(**{name: given[name] for name in TURING_DECODING})
    with progress("Looking for colour photographs") as advance:
        shown = Pairs(folder, colorizer, progress=advance)
    say(f"{len(shown.paths)} colour photographs; {shown.left_out} have no colours or cannot be read", on_stderr=True)
    bound = listen(host, port)
    app = create_turing_app(shown, store, colorizer, design=design, names=host_names(host, tuple(name or ())))
    with kept_if_stopped(lambda: kept_in(answers, "every answer is")):
        run(app, bound, page=f"{address_of(bound, host)}turing", browser=browser, say=say)


def _print_results(answers: Path, folder: Path | None, *, as_json: bool) -> None:
    from tinct.web.turing.answers import Answers
    from tinct.web.turing.trials import named_pictures

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
