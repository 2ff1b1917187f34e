"""`tinct video`: films in, colours out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinct.cli.options import Overwrite, decoding_options, takes
from tinct.cli.output import progress
from tinct.errors import SettingError

if TYPE_CHECKING:
    from tinct.coloring.film.colorize import VideoResult
    from tinct.coloring.film.shots import Shot

EPILOG = """Examples:

tinct video grandfather.mp4

tinct video reel.mov -o reel.mkv --purpose archive

tinct video reel.mov --preview 10 --start 60 --compare

tinct video reel.mov --list-shots

tinct video scans/ -o film.mp4 --rate 18"""

Source = Annotated[Path, typer.Argument(metavar="INPUT", help="A film, or a folder of pictures in order.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write this film. Default: NAME_color.EXT beside it."),
]
HintsFile = Annotated[
    Path | None,
    typer.Option("--hints", metavar="FILE", help="Read from this .json which colour is where, and in which frame."),
]
Smoothing = Annotated[
    str,
    typer.Option(
        metavar="WAY",
        help="Smooth colours over time: motion, paper (its kernel), ALPHA,FRAMES (such a kernel), or off.",
    ),
]
NoSmoothing = Annotated[bool, typer.Option("--no-smoothing", help="Colorize each frame alone; as --smoothing off.")]
Purpose = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Choose codec and quality for a purpose: archive, master, edit, share or small."),
]
Codec = Annotated[str | None, typer.Option(metavar="NAME", help="Encode with h264, hevc, vp9, av1, prores or ffv1.")]
Crf = Annotated[int | None, typer.Option(metavar="N", help="Set the codec's quality: lower is better.")]
Preset = Annotated[str | None, typer.Option(metavar="NAME", help="Set the encoder's own effort, such as slow or fast.")]
Bits = Annotated[int | None, typer.Option(metavar="8|10", help="Write this many bits a channel. Default: the film's.")]
Sound = Annotated[
    str,
    typer.Option(metavar="copy|encode|none", help="Copy the sound, encode it anew where it must be, or leave it out."),
]
Start = Annotated[float | None, typer.Option(metavar="SECONDS", help="Leave out what comes before.")]
End = Annotated[float | None, typer.Option(metavar="SECONDS", help="Leave out what comes from there on.")]
Preview = Annotated[float | None, typer.Option(metavar="SECONDS", help="Take only this much, from the start.")]
Rate = Annotated[
    float | None, typer.Option(metavar="FPS", help="Show a folder of pictures at this many frames a second.")
]
Compare = Annotated[bool, typer.Option("--compare", help="Put the film as it was beside the result, in one picture.")]
Recolor = Annotated[bool, typer.Option("--recolor", help="Colorize even shots that have colours already.")]
ListShots = Annotated[bool, typer.Option("--list-shots", help="Print the shots, and colorize nothing.")]
Report = Annotated[bool, typer.Option("--report", help="Measure how much the result's colours flicker.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")]


@takes(decoding_options("model", "temperature", "caution", "cautious", "size", "denoise", "runtime", "threads"))
def video(
    source: Source,
    output: Output = None,
    hints: HintsFile = None,
    smoothing: Smoothing = "motion",
    no_smoothing: NoSmoothing = False,
    purpose: Purpose = None,
    codec: Codec = None,
    crf: Crf = None,
    preset: Preset = None,
    bits: Bits = None,
    sound: Sound = "copy",
    start: Start = None,
    end: End = None,
    preview: Preview = None,
    rate: Rate = None,
    compare: Compare = False,
    recolor: Recolor = False,
    list_shots: ListShots = False,
    report: Report = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    **decoding: Any,
) -> None:
    """Colorize a film: its luma untouched, its sound, subtitles and times kept.

    A run that was stopped goes on where it was when the same command is given again. Shots that have colours already
    are left as they are.
    """
    if list_shots:
        _list_shots(source, rate=rate, as_json=as_json)
        return
    from tinct.coloring.film.colorize import VideoSettings, colorize_video
    from tinct.coloring.film.hints import load_film_hints

    settings = VideoSettings(
        hints=load_film_hints(hints) if hints is not None else (),
        smoothing="off" if no_smoothing else smoothing,
        purpose=purpose,
        codec=codec,
        crf=crf,
        preset=preset,
        bits=bits,
        sound=sound,
        start=start,
        end=_end(start, end, preview),
        rate=rate,
        compare=compare,
        recolor=recolor,
        overwrite=overwrite,
        **decoding,
    )
    with progress("Colorizing", rate="frames/s") as show:
        result = colorize_video(source, output, settings=settings, on_frame=show)
    flicker = _flicker(result) if report else None
    if as_json:
        print(json.dumps(result.to_json() | ({} if flicker is None else {"flicker": flicker})))
        return
    _print(result, flicker)


def _end(start: float | None, end: float | None, preview: float | None) -> float | None:
    if preview is None:
        return end
    if end is not None:
        raise SettingError("--preview and --end both say where to stop; leave one out")
    if preview <= 0:
        raise SettingError(f"--preview must be above 0 seconds, not {preview:g}")
    return (start or 0) + preview


def _list_shots(source: Path, *, rate: float | None, as_json: bool) -> None:
    from tinct.coloring.film.colorize import list_shots

    shots = list_shots(source, rate=rate)
    if as_json:
        print(json.dumps([{"frame": shot.frame, "seconds": round(shot.seconds, 3)} for shot in shots]))
        return
    print("\n".join(_shot_line(number, shot) for number, shot in enumerate(shots, 1)))


def _shot_line(number: int, shot: Shot) -> str:
    from tinct.media.video.film import clock

    return f"{number:4d}  {clock(shot.seconds):>10}  frame {shot.frame}"


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
