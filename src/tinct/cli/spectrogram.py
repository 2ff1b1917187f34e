"""`tinct spectrogram`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tinct.cli.classify.options import size_of
from tinct.cli.output import print_json, progress
from tinct.errors import SettingError

EPILOG = """Examples:

tinct spectrogram recordings/ -o pictures/ --seconds 60 --high 20

tinct spectrogram rest/*.wav -o pictures/ --label rest --color-map jet --arrays numbers/"""
_LONGEST = 8192  # edge of a picture, in pixels


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(epilog=EPILOG)(spectrogram)


def spectrogram(
    signals: Annotated[
        list[str],
        typer.Argument(metavar="SIGNAL...", help="WAV, CSV and NPY files, and folders of them; one subfolder a class."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Write the pictures here.")],
    arrays: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the numbers too, as .npy, into this other folder.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Make one picture of so many seconds. Default: of a whole signal.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="HZ", help="Say the samples a second, where a file does not.")
    ] = None,
    channel: Annotated[int, typer.Option(metavar="N", help="Take this channel or column, counted from 1.")] = 1,
    segment: Annotated[
        int | None,
        typer.Option(metavar="SAMPLES", help="Transform so many samples at once. Default: about a 64th of a picture."),
    ] = None,
    overlap: Annotated[float, typer.Option(metavar="SHARE", help="Let segments overlap by this share.")] = 0.5,
    window: Annotated[str, typer.Option(metavar="NAME", help="Choose SciPy's window: hann, hamming, boxcar.")] = "hann",
    low: Annotated[float, typer.Option(metavar="HZ", help="Show frequencies from here on.")] = 0.0,
    high: Annotated[
        float | None, typer.Option(metavar="HZ", help="Show frequencies up to here. Default: half of the rate.")
    ] = None,
    scale: Annotated[str, typer.Option(metavar="db|amplitude|power", help="Show this of power density.")] = "db",
    color_map: Annotated[str, typer.Option(metavar="NAME", help="Use this colour map of matplotlib.")] = "viridis",
    span: Annotated[
        str | None,
        typer.Option(
            "--range", metavar="LOW,HIGH", help="Set the values at the colour map's ends. Default: from all signals."
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WxH", help="Average to so many pixels, or to a square of one edge. Default: one cell a pixel."
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="CLASS", help="Put all into this class. Default: their folders' names.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False,
) -> None:
    """Turn signals into spectrogram pictures, in one folder a class, to train on with `tinct classify train`.

    All pictures share one range of colours. A colour map throws away what the numbers hold: keep them with --arrays.
    """
    from tinct.recognize.spectrogram_files import write_spectrograms
    from tinct.recognize.spectrograms import Spectrogram

    settings = Spectrogram(
        seconds=seconds,
        segment=segment,
        overlap=overlap,
        window=window,
        low=low,
        high=high,
        scale=scale,
        size=size_of(size, least=1, most=_LONGEST),
    )
    with progress("Drawing") as advance:
        made = write_spectrograms(
            signals,
            output,
            settings=settings,
            rate=rate,
            channel=channel,
            color_map=color_map,
            span=_span(span),
            label=label,
            arrays=arrays,
            overwrite=overwrite,
            progress=advance,
        )
    if as_json:
        print_json({**vars(made), "folder": str(output), "arrays": str(arrays) if arrays else None})
    else:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(made.classes.items()))
        print(f"{output}: {sum(made.classes.values())} pictures ({counts})")
        if made.left_over > 0.01:
            print(f"left out {made.left_over:.4g} seconds at the ends of signals, too short for a picture")
    print(f"warning: {made.warning}", file=sys.stderr)


def _span(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise SettingError(f"--range needs LOW,HIGH, as -60,20, not '{text}'") from None
    return low, high
