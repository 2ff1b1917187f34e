"""`tinct video`: films in, colours out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinct.cli.options import EngineName, RayAddress, examples, options_of, takes
from tinct.cli.output import exit_by, harmless, print_json, print_sum, progress, progress_of_steps, say
from tinct.coloring.settings import VideoSettings
from tinct.errors import SettingError

if TYPE_CHECKING:
    from tinct.actors import Engine
    from tinct.coloring.film.colorize import VideoResult


# Films need no views, since neighbouring frames serve as such.
OPTIONS = {name: option for name, option in options_of(VideoSettings).items() if name != "views"}


@examples(
    "tinct video grandfather.mp4",
    "tinct video reel.mov -o reel.mkv --purpose archive",
    "tinct video feature.mkv -o coloured.mkv --workers 8",
    "tinct video films/ -o coloured/ --recursive",
    "tinct video reel.mov --preview 10 --start 60 --compare",
    "tinct video reel.mov --list-shots --json > shots.json",
    "tinct video reel.mov --shots shots.json",
    "tinct video reel.mov --hint 120@25%,60%=#b03020",
    "tinct video scans/ -o film.mp4 --rate 18",
    "tinct video super8.mp4 --rate 18 --sound encode",
    "tinct video vhs.avi --deinterlace double",
    "tinct video 'scan/f_%06d.dpx' -o 'color/f_%06d.dpx'",
)
@takes(OPTIONS)
def video(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="A film, a folder of films, a folder of pictures in order, or a pattern of pictures such as "
            "'f_%04d.png'.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE|FOLDER",
            help="Write this film, or pictures such as 'f_%04d.dpx', or, for a folder of films, into this folder. "
            "Default: NAME_color.EXT beside each film.",
        ),
    ] = None,
    hint: Annotated[
        list[str],
        typer.Option(
            "--hint",
            metavar="FRAME@X,Y=#RRGGBB",
            help="Say which colour is where in a frame, counted from 0 (120@25%,60%=#b03020), or at a time "
            "(4.8s@... or 1:02.5@...); may be repeated.",
        ),
    ] = [],  # noqa: B006 - Typer makes a new list
    hints: Annotated[
        Path | None,
        typer.Option("--hints", metavar="FILE", help="Read from this .json which colour is where, and in which frame."),
    ] = None,
    shots: Annotated[
        Path | None,
        typer.Option(
            "--shots", metavar="FILE", help="Read settings of single shots; --list-shots --json prints such a file."
        ),
    ] = None,
    no_smoothing: Annotated[
        bool, typer.Option("--no-smoothing", help="Colorize each frame by itself, the same as --smoothing off.")
    ] = False,
    preview: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Colorize only this much, from the start.")
    ] = None,
    list_shots: Annotated[bool, typer.Option("--list-shots", help="Print the shots, and colorize nothing.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Measure how much the result's colours flicker.")] = False,
    recursive: Annotated[bool, typer.Option("-r", "--recursive", help="Look for films in subfolders too.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Divide films, or a long film, among this many processes. Default: one."),
    ] = None,
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
    **options: Any,
) -> None:
    """Colorize a film, or a folder of films; luma stays untouched, and sound, subtitles and times are kept.

    A run that was stopped continues when the same command is given again. Shots that already have colours are left as
    they are. In a folder, existing results are kept, and if a film fails, the others are still colorized; the exit
    status is then 1. `tinct status` shows what became of the films in an output folder.
    """
    if list_shots:
        _list_shots(source, rate=options["rate"], deinterlace=options["deinterlace"], as_json=as_json)
        return
    from tinct.actors import Engine
    from tinct.coloring.directions import load_shots
    from tinct.coloring.film.colorize import colorize_video
    from tinct.coloring.film.many import is_folder_of_films
    from tinct.coloring.hints.hint import gather_film_hints

    way = Engine(name=engine, ray_address=ray_address)

    options["hints"] = gather_film_hints(hint, hints)
    options["shots"] = load_shots(shots) if shots is not None else ()
    options["end"] = _end(options["start"], options["end"], preview)
    if no_smoothing:
        options["smoothing"] = "off"
    settings = VideoSettings(**options)
    if is_folder_of_films(source, output, recursive=recursive):
        if report:
            raise SettingError("--report is for one film; name it")
        _colorize_many(
            source, output, recursive=recursive, settings=settings, workers=workers, engine=way, as_json=as_json
        )
        return
    if settings.update:
        raise SettingError("--update needs a folder of films and -o FOLDER, whose manifest tells what changed")
    with progress("Colorizing", rate="frames/s") as show:
        result = colorize_video(source, output, settings=settings, workers=workers, engine=way, on_frame=show)
    flicker = _flicker(result) if report else None
    if as_json:
        print(json.dumps(result.to_json() | ({} if flicker is None else {"flicker": flicker})))
        return
    _print(result, flicker)


def _colorize_many(
    source: Path,
    output: Path | None,
    *,
    recursive: bool,
    settings: VideoSettings,
    workers: int | None,
    engine: Engine,
    as_json: bool,
) -> None:
    from tinct.coloring.film.many import colorize_videos
    from tinct.coloring.film.row import FilmRow
    from tinct.coloring.photo.plan import count_unseen
    from tinct.media.video import FILM_SUFFIXES

    with progress_of_steps("Colorizing") as show:

        def print_one(row: FilmRow, done: int, count: int) -> None:
            if as_json:
                print_json(row.to_json())
            elif row.film is not None:
                _print(row.film, None)
            else:
                say(f"{row.status}: {row.message}", on_stderr=True)
            if workers is not None or engine.name == "ray":
                show("Colorizing", done, count)

        rows = colorize_videos(
            source,
            output,
            recursive=recursive,
            settings=settings,
            workers=workers,
            engine=engine,
            on_row=print_one,
            on_frame=lambda film, done, of: show(harmless(film.name), done, of),
        )
    if not as_json and (len(rows) > 1 or rows[0].status != "colorized"):
        files, folders = count_unseen([source], recursive=recursive, suffixes=FILM_SUFFIXES)
        print_sum(rows, files=files, folders=folders)
    exit_by(rows)


def _end(start: float | None, end: float | None, preview: float | None) -> float | None:
    if preview is None:
        return end
    if end is not None:
        raise SettingError("--preview and --end both say where to stop; leave one out")
    if preview <= 0:
        raise SettingError(f"--preview must be above 0 seconds, not {preview:g}")
    return (start or 0) + preview


def _list_shots(source: Path, *, rate: float | None, deinterlace: str, as_json: bool) -> None:
    from tinct.coloring.directions import skeleton
    from tinct.coloring.film.colorize import list_shots
    from tinct.media.video.film import clock

    shots = list_shots(source, rate=rate, deinterlace=deinterlace)
    if as_json:
        rows = ",\n ".join(json.dumps(row) for row in skeleton([(shot.frame, shot.seconds) for shot in shots]))
        print(f"[{rows}]")
        return
    for number, shot in enumerate(shots, 1):
        print(f"{number:4d}  {clock(shot.seconds):>10}  frame {shot.frame}")


def _flicker(result: VideoResult) -> dict[str, float]:
    from tinct.study.flicker import film_flicker

    flicker = film_flicker(result.target, cuts=[shot.frame for shot in result.shots])
    return {"error": flicker.error, "spread": flicker.spread, "relative": flicker.relative}


def _print(result: VideoResult, flicker: dict[str, float] | None) -> None:
    for line in (*result.notices, *result.problems):
        print(f"{result.source}: {line}", file=sys.stderr)
    own = [number for number, shot in enumerate(result.shots, 1) if shot.colored]
    if own:
        print(
            f"{result.source}: {len(own)} of {len(result.shots)} shots have colours already and kept them "
            f"({', '.join(map(str, own[:10]))}{', ...' if len(own) > 10 else ''}); --recolor colours them anew",
            file=sys.stderr,
        )
    rate = (result.frames - result.resumed) / max(result.seconds, 1e-6)
    print(
        f"{result.source} -> {result.target}  {result.width}x{result.height}  {result.frames} frames  "
        f"{result.codec}  {result.seconds:.1f} s ({rate:.1f} frames/s)"
    )
    if flicker is not None:
        print(
            f"flicker {flicker['relative']:.4f}: along the motion chroma changes by {flicker['error']:.2f} 8-bit steps "
            f"a frame; its spread is {flicker['spread']:.2f}"
        )
