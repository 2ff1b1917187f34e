"""The demo: photographs that come with scikit-image and scikit-learn are made grey and colorized."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pyvips

from tinct.color.spaces import rgb_to_yuv
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.plan import extra_path
from tinct.coloring.photo.row import Row
from tinct.coloring.photo.sheet import compare_sheet
from tinct.errors import MissingExtraError, OutputError, one_line
from tinct.files import make_folder, written_beside
from tinct.media.image.opening import save
from tinct.runtime import DEFAULT_MODEL
from tinct.stopping import kept_if_stopped


@dataclass(frozen=True)
class DemoPhoto:
    """A photograph in an installed package: its name here, the package, the file there, and its licence and maker."""

    name: str
    package: str
    file: str
    licence: str


PHOTOS = (
    DemoPhoto("camera", "skimage", "data/camera.png", "CC0, Lav Varshney"),
    DemoPhoto("rocket", "skimage", "data/rocket.jpg", "public domain, SpaceX"),
    DemoPhoto("chelsea", "skimage", "data/chelsea.png", "CC0, Stefan van der Walt"),
    DemoPhoto("coffee", "skimage", "data/coffee.png", "CC0, Rachel Michetti"),
    DemoPhoto("astronaut", "skimage", "data/astronaut.png", "public domain, NASA"),
    DemoPhoto("china", "sklearn", "datasets/images/china.jpg", "CC BY 2.0, danielbuechele"),
    DemoPhoto("flower", "sklearn", "datasets/images/flower.jpg", "CC BY 2.0, vultilion"),
)


def colorize_demo(
    output: str | Path = "demo",
    *,
    model: str | Path = DEFAULT_MODEL,
    on_row: Callable[[Row, int, int], None] | None = None,
) -> list[Row]:
    """Colorize the demo's photographs from their grey versions; return a row for each.

    For each NAME the folder, created if needed, gets NAME.png (grey), NAME_color.png and NAME_color_sheet.png: the grey
    picture, the result, and the original if it has colours. Nothing is downloaded; existing files are replaced.
    `on_row` is called after each photograph with its row, the number done, and the number of all.

    Raises:
        MissingExtraError: scikit-image or scikit-learn is not installed.
        OutputError: the folder cannot be written.
        ModelError: the model cannot be used.
    """
    photos = [(photo, photo_file(photo)) for photo in PHOTOS]
    folder = Path(output)
    make_folder(folder)
    colorizer = Colorizer(model)
    rows: list[Row] = []
    with kept_if_stopped(lambda: f"{len(rows)} of {len(photos)} photographs are kept in {folder}"):
        for photo, original in photos:
            grey = folder / f"{photo.name}.png"
            has_truth = _write_grey(original, grey)
            target = folder / f"{photo.name}_color.png"
            result = colorizer.photo(grey, target, overwrite=True)
            sheet = compare_sheet([grey, target, *([original] if has_truth else [])], extra_path(target, "sheet"))
            rows.append(Row(grey, target, "colorized", "", result.width, result.height, result.seconds, sheet=sheet))
            if on_row is not None:
                on_row(rows[-1], len(rows), len(photos))
    return rows


def photo_file(photo: DemoPhoto) -> Path:
    """Return the path of a photograph; MissingExtraError if its package is not installed."""
    spec = find_spec(photo.package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place) / photo.file
        if path.is_file():
            return path
    raise MissingExtraError("demo", "the demo")


def _write_grey(original: Path, target: Path) -> bool:
    """Write the luma of a picture as an 8-bit grey PNG; return whether the picture has colours."""
    try:
        image = pyvips.Image.new_from_file(str(original))
        colored = image.bands >= 3
        if colored:
            luma = rgb_to_yuv(image.numpy()[..., :3] / 255.0)[..., 0]
            image = pyvips.Image.new_from_array((luma * 255).round().astype("uint8"), interpretation="b-w")
        with written_beside(target) as beside:
            save(image, "png", beside, {})
    except pyvips.Error as error:
        raise OutputError(f"{target}: cannot be written ({one_line(error)})") from error
    return bool(colored)
