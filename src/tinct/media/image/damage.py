"""Find out what can be saved of a damaged picture, and how much of it is certainly whole."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pyvips

from tinct.media.image.containers import segments, webp_data
from tinct.media.image.pixels import field_of

_ROWS = 16  # rows decoded at once: as many as the blocks that most JPEG files store together are high
LEAST_WHOLE = 10  # a picture is saved only if at least this many per cent of its rows are whole
_END = b"\xff\xd9"  # the marker at the end of a JPEG file
_RESTARTS = 0xDD  # the marker of a JPEG file with restart markers
_PASSES = 0xC2  # the marker of a JPEG file in several passes
_SIZES = (0xC0, 0xC1)  # the markers of the segment that holds the size of a JPEG file in one pass
_HEIGHT = 5  # where the height lies in that segment, in bytes from its beginning
_MOST_ROWS = 65500  # the most rows that the JPEG decoder accepts
# The last rows of a sound file depend on this many bytes at the end of its data; some writers add a few fill bytes.
_LAST = 16
# Larger files are not searched for data left over.
_MOST_BYTES = 64 << 20
SHIFTED = "damaged: some of its data are wrong, and what follows them may be shifted"

Opener = Callable[..., pyvips.Image]


def fail_on(loader: str) -> str:
    """Return what libvips is to treat as damage; for JPEG, mere warnings of the decoder count too."""
    return "warning" if loader.startswith("jpegload") else "error"


def found_damage(source: Path | bytes, loader: str, open_as: Opener) -> str | None:
    """Return what the user should be told about a damaged picture: empty if nothing is missing, None if it is lost.

    Args:
        source: the file, or its bytes.
        loader: libvips' name for what reads it.
        open_as: opens the source, or the bytes given to it, with a `fail_on`.
    """
    if loader.startswith("jpegload"):
        if _only_end_missing(source, open_as):
            return ""
        if (damage := unnoticed_damage(source, loader)) and damage != SHIFTED:  # below says how much is whole
            return damage
    try:
        image = open_as(fail_on="none")
        passes = any(field_of(image, name, 0) for name in ("jpeg-multiscan", "interlaced"))
        height = image.height
        image.avg()  # decodes all rows
    except pyvips.Error:
        return None
    try:
        whole = _whole_rows(open_as(fail_on=fail_on(loader)))
    except pyvips.Error:
        whole = 0
    if whole == height:
        return ""
    if passes:
        return "damaged: it is stored in passes, of which later ones are missing or wrong"
    share = 100 * (whole - _ROWS) // height  # the decoder notices a fault some rows late, and it is unknown how many
    return f"damaged: at most the first {share} % of its rows are whole" if share >= LEAST_WHOLE else None


def _only_end_missing(source: Path | bytes, open_as: Opener) -> bool:
    """Return whether a JPEG file lacks nothing but its end marker."""
    try:
        content = source if isinstance(source, bytes) else source.read_bytes()
        if content.endswith(_END):
            return False
        open_as(content.removesuffix(b"\xff") + _END, fail_on="warning").avg()  # decodes all rows
    except (OSError, pyvips.Error):
        return False
    return True


def _whole_rows(image: pyvips.Image) -> int:
    """Return how many rows are decoded before the first error, in order."""
    region, whole = pyvips.Region.new(image), 0
    try:
        for top in range(0, image.height, _ROWS):
            count = min(_ROWS, image.height - top)
            region.fetch(0, top, image.width, count)
            whole = top + count
    except pyvips.Error:
        pass
    return whole


def unnoticed_damage(source: Path | bytes, loader: str, watched: WatchedJpeg | None = None) -> str:
    """Return what the user should be told about damage that the decoder does not notice; empty for most files.

    If some data of a WebP file, or of a JPEG file that was `watched`, were overwritten, its decoder often needs fewer
    bytes than there are, and has all rows before it reaches the end of the data. A JPEG file that ends in zeros, as
    after a broken transfer, has rows made of these. JPEG files of several passes or with restart markers are not
    checked: there the decoder notices damage.
    """
    if watched is not None:
        return SHIFTED if watched.has_data_left else ""
    found = _searched(source, loader)
    if found is None:
        return ""
    content, _, start = found
    if loader.startswith("webpload"):
        return SHIFTED if _webp_has_data_left(content) else ""
    return "" if content.find(_END, start) >= 0 else _zeros_at_the_end(content)


def _searched(source: Path | bytes, loader: str) -> tuple[bytes, int, int] | None:
    """Return a file in which left data are searched for, and of JPEG where its height and its pixels are stored.

    None is returned for other formats, files that are too large, in passes, or with restart markers.
    """
    if not loader.startswith(("jpegload", "webpload")):
        return None
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            height, start = 0, 2
            for marker, _ in segments(file) if loader.startswith("jpegload") else ():
                if marker in (_RESTARTS, _PASSES):
                    return None
                height, start = start + _HEIGHT if marker in _SIZES else height, file.tell()
            file.seek(0)
            content = file.read(_MOST_BYTES + 1)
    except OSError:
        return None
    return (content, height, start) if len(content) <= _MOST_BYTES else None


def _webp_has_data_left(content: bytes) -> bool:
    """Return whether a WebP file makes the same picture with other bytes at the end of its data."""
    place, size = webp_data(content)
    end = place + size
    if size < 2 * _LAST or end > len(content):
        return False
    other = bytes(255 - value for value in content[end - _LAST : end])
    files = (content, content[: end - _LAST] + other + content[end:])
    try:
        first, second = (pyvips.Image.webpload_buffer(file, fail_on="none") for file in files)
        return bool((first - second).abs().max() == 0)
    except pyvips.Error:  # as with a sound file, whose decoder needs the bytes that were changed
        return False


def _zeros_at_the_end(content: bytes) -> str:
    data = content.rstrip(b"\0")
    if len(content) - len(data) <= _LAST or _all_rows(data + _END):
        return ""
    image = pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="warning")
    share = 100 * max(0, _whole_rows(image) - _ROWS) // int(image.height)
    if share < LEAST_WHOLE:
        return ""
    return f"damaged: its data end in zeros, and at most the first {share} % of its rows are whole"


def _all_rows(content: bytes) -> bool:
    try:
        options = {"access": "sequential", "fail_on": "warning"}
        image = pyvips.Image.new_from_buffer(content, "", **options)
        # Decoding a smaller copy is faster; a factor that does not divide the height would leave out the last rows.
        shrink = next((factor for factor in (8, 4, 2) if image.height % factor == 0), 1)
        if shrink > 1:
            image = pyvips.Image.new_from_buffer(content, "", shrink=shrink, **options)
        return _whole_rows(image) == int(image.height)
    except pyvips.Error:
        return False


class WatchedJpeg:
    """A JPEG file that tells whether its decoder came to the end of its data.

    If data were overwritten, the decoder gives no warning, but it often has all rows before it comes to their end.
    """

    def __init__(self, content: bytes, *, end: int, head: int) -> None:
        """Take a file's bytes, where in them the data end, and where the height is stored."""
        self._content, self._last, self._head = content, end - _LAST, head
        self._place, self._asked = 0, False

    @classmethod
    def of(cls, source: Path | bytes, loader: str = "jpegload") -> WatchedJpeg | None:
        """Read a file; None for other formats, files that are too large, in passes, or with restart markers."""
        found = _searched(source, loader) if loader.startswith("jpegload") else None
        if found is None:
            return None
        content, height, start = found
        end = content.find(_END, start)
        return cls(content, end=end, head=height) if height and end >= start + _LAST else None

    def decoded(self, *, shrink: int = 1) -> pyvips.Image:
        """Decode the picture, shrunk by 1, 2, 4 or 8, into memory.

        Raises:
            pyvips.Error: it is damaged.
        """
        height = int.from_bytes(self._content[self._head : self._head + 2], "big")
        # If `shrink` did not divide the height, libvips would leave out the last rows, and their data would be left.
        whole = min(-(-height // shrink) * shrink, _MOST_ROWS)
        self._content = self._content[: self._head] + whole.to_bytes(2, "big") + self._content[self._head + 2 :]
        stream = pyvips.SourceCustom()
        stream.on_read(self._read)
        stream.on_seek(self._seek)
        options = {"shrink": shrink, "access": "sequential", "fail_on": fail_on("jpegload")}
        image = pyvips.Image.jpegload_source(stream, **options).copy_memory()
        rows = max(1, height // shrink)
        return image if rows == image.height else image.crop(0, 0, image.width, rows)

    @property
    def has_data_left(self) -> bool:
        """Return whether the decoder had all rows before it came to the end of the data."""
        return not self._asked

    def _read(self, size: int) -> bytes:
        """Return the next bytes, but the last ones of the data only when the decoder asks for them alone."""
        self._asked |= self._place >= self._last
        stop = self._last if self._place < self._last else len(self._content)
        data = self._content[self._place : min(self._place + size, stop)]
        self._place += len(data)
        return data

    def _seek(self, offset: int, whence: int) -> int:
        self._place = (0, self._place, len(self._content))[whence] + offset
        return self._place
