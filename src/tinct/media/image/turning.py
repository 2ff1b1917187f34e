"""Turn pixels as a camera's orientation says, and cut out the place of a scan's photograph."""

from __future__ import annotations

import pyvips

from tinct.color.places import Place

# Pictures whose rows are needed in another order are held in memory up to this many bytes, in a temporary file above.
_IN_MEMORY = 64 << 20


def orientation_of(image: pyvips.Image) -> int:
    """Return a picture's orientation as EXIF counts it, 1 to 8."""
    return int(image.get("orientation")) if image.get_typeof("orientation") else 1


def upright(pixels: pyvips.Image, orientation: int) -> pyvips.Image:
    """Return pixels as they are shown; those that need no other order of rows are still streamed."""
    if orientation == 2:
        return pixels.fliphor()
    # Lower rows come first then, so the rows cannot be streamed from the file.
    return _held(pixels).autorot() if orientation > 2 else pixels


def cut(pixels: pyvips.Image, place: Place) -> pyvips.Image:
    """Return what lies at a place, upright, with a pixel for a pixel; see `Place.cut`."""
    box = place.box_on(pixels.width, pixels.height)
    if box is not None:
        left, top, right, bottom = box
        return pixels.crop(left, top, right - left, bottom - top)
    height, width = place.size_on(pixels.width, pixels.height)
    matrix = place.transform(pixels.width, pixels.height, (height, width))
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # libvips, too, samples pixels at their centres
    return _held(pixels).affine(
        [float(value) for value in matrix[:, :2].ravel()],
        oarea=[0, 0, width, height],
        odx=float(matrix[0, 2]),
        ody=float(matrix[1, 2]),
        interpolate=pyvips.Interpolate.new("bicubic"),
        extend="copy",
    )


def _held(pixels: pyvips.Image) -> pyvips.Image:
    """Return pixels that can be read in any order."""
    size = pixels.width * pixels.height * pixels.bands * (1 if pixels.format == "uchar" else 2)
    if size <= _IN_MEMORY:
        return pixels.copy_memory()
    waiting = pyvips.Image.new_temp_file("%s.v")
    pixels.write(waiting)
    return waiting
