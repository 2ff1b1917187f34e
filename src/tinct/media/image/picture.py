"""Read and write photographs by libvips, as streams of rows: a full-size picture is never held in memory.

A picture is opened (`open_picture`), looked at small (`Picture.small`), and written once more from its own rows
(`Picture.write`), with a function that makes colours from grey rows.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct import files
from tinct.color.places import Place
from tinct.color.resize import small_size
from tinct.color.spaces import FloatArray
from tinct.color.statistics import as_unit_rgb
from tinct.errors import MissingExtraError, OutputError, TinctError, TooLargeError, UnreadableError
from tinct.files import written_beside
from tinct.media.image import formats, xmp
from tinct.media.image.completing import open_or_complete
from tinct.media.image.damage import WatchedJpeg, fail_on, found_damage, unnoticed_damage
from tinct.media.image.kinds import MOST_PIXELS, TooManyPixelsError, UnsupportedError, check_least_edge, named
from tinct.media.image.metadata import HIGHEST_RESOLUTION, Metadata, for_result, read_metadata, with_note
from tinct.media.image.opening import left_out, open_image, save, set_up_vips, shrink_on_load
from tinct.media.image.pixels import REMARK, cut, field_of, orientation_of, to_srgb, upright
from tinct.media.image.strips import StripFunction, StripPicture, computed
from tinct.media.image.tiff import lacks_pages, pages_of
from tinct.media.image.write_metadata import embed, fitted


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture file, opened: its header is read, its pixels are not.

    Attributes:
        source: the file, or its bytes.
        name: what messages call it.
        width: in pixels, as it is shown: orientation applied.
        height: likewise.
        deep: whether it has 16 bits a channel.
        alpha: whether it has transparency.
        loader: the name of the libvips loader that reads it.
        read_as: what the user should be told about how it is read, such as pages left out or colours converted.
        quality: the JPEG quality it was written with; None if unknown.
        lossless: whether its pixels are known to be stored without loss.
        page: which of a TIFF file's pictures it is, from 0.
        directory: where its tags lie in a TIFF file; 0 for the first picture, and for other files.
        saved: the completed file, if the file ends too soon; see `tinct.media.image.completing`.
        place: where on the file's picture it lies; None if it is all of it.
        negative: whether its values are inverted when they are read; transparency never is.
        strict: whether a damaged picture is refused; else what its decoder can save is used, and `remarks` say so.
    """

    source: Path | bytes
    name: str
    width: int
    height: int
    deep: bool
    alpha: bool
    loader: str
    read_as: tuple[str, ...]
    quality: int | None
    lossless: bool
    page: int = 0
    directory: int = 0
    saved: bytes | None = None
    place: Place | None = None
    negative: bool = False
    strict: bool = False
    _damage: list[str] = field(default_factory=list, repr=False)  # filled when a reading fails
    _held: list[pyvips.Image] = field(default_factory=list, repr=False)  # all pixels, where the small copy has them

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return what the user should be told, such as pages left out, or damage that was found so far."""
        return (*self.read_as, *(f"{damage}; --strict refuses such pictures" for damage in self._damage if damage))

    def cropped(self, place: Place) -> Picture:
        """Return what lies at a place, as a picture of its own that can be written."""
        box = place.box_on(self.width, self.height)
        height, width = place.size_on(self.width, self.height) if box is None else (box[3] - box[1], box[2] - box[0])
        return replace(self, width=width, height=height, place=place)

    def _open(self, content: bytes | None = None, **options: Any) -> pyvips.Image:
        options.setdefault("fail_on", "none" if self._damage else fail_on(self.loader))
        return open_image(content or self.saved or self.source, page=self.page, access="sequential", **options)

    def _saved(self, error: pyvips.Error) -> None:
        """Find out what can be saved after a reading failed; raise UnreadableError if nothing can."""
        known = self._damage or isinstance(error, UnsupportedError)
        damage = None if known else found_damage(self.source, self.loader, self._open)
        if damage is None:
            raise _unreadable(self.name, error) from error
        self._note(damage)

    def _note(self, damage: str) -> None:
        """Record what is damaged; raise UnreadableError if damaged pictures are refused."""
        if damage and self.strict:
            raise UnreadableError(f"{self.name}: {damage}; replace it")
        self._damage.append(damage)

    def small(self, *, size: float) -> FloatArray:
        """Read a small copy, reduced while it is decoded if the format allows that.

        Args:
            size: root of height x width of the copy; smaller pictures are not enlarged.

        Returns:
            (h, w, 1) grey or (h, w, 3) sRGB, float32 in 0..1, orientation applied.

        Raises:
            UnreadableError: the file is cut short or damaged, and nothing can be saved, or `strict` is set.
        """
        shrunk = small_size(self.height, self.width, size=size)
        try:
            array, watched = self._small(shrunk)
        except pyvips.Error as error:
            self._saved(error)
            try:
                array, watched = self._small(shrunk)
            except pyvips.Error as last:
                raise _unreadable(self.name, last) from last
        if not self._damage and (damage := unnoticed_damage(self.source, self.loader, watched)):
            self._note(damage)
        return as_unit_rgb(array.reshape(*array.shape[:2], -1))

    def _small(self, shrunk: tuple[int, int]) -> tuple[NDArray[Any], WatchedJpeg | None]:
        options = shrink_on_load(self.loader, max(1.0, self.height / shrunk[0]))
        watched = None if self._damage else WatchedJpeg.of(self.source, self.loader)
        image = self._open(**options) if watched is None else watched.decoded(**options)
        height, width = shrunk[::-1] if orientation_of(image) >= 5 else shrunk
        pixels, alpha, _, _ = to_srgb(image, name=self.name, negative=self.negative)
        whole = (width, height) == (pixels.width, pixels.height)
        if not whole:
            pixels = pixels.resize(width / pixels.width, vscale=height / pixels.height)
        pixels = upright(pixels.copy_memory(), orientation_of(image))
        if whole and alpha is None:  # so small that it need not be decoded again
            self._held[:] = [pixels]
        return pixels.numpy(), watched

    @cached_property
    def metadata(self) -> Metadata:
        """Return what the file says about its picture.

        Raises:
            UnreadableError: the file can no longer be read.
        """
        try:
            return read_metadata(self.saved or self.source, self._open(), directory=self.directory)
        except pyvips.Error as error:
            raise _unreadable(self.name, error) from error
        except OSError as error:
            raise UnreadableError(f"{self.name}: cannot be read ({error.strerror or error})") from error

    def default_target(self, *, folder: Path | None = None) -> Path:
        """Return the usual place of a result: NAME_color.EXT beside the input, or in a folder."""
        if isinstance(self.source, bytes):
            raise OutputError("a picture given as bytes has no folder; say where to write the result")
        suffix = formats.suffix_for(self.loader, self.source.suffix)
        return (folder or self.source.parent) / f"{self.source.stem}_color{suffix}"

    def write(self, function: StripFunction, target: Path, *, settings: Mapping[str, str], threads: int) -> None:
        """Write a result made from this picture's rows, beside the target and then renamed into place.

        Args:
            function: makes (n, W, 3 or 4) sRGB from (n, W, k) rows and the first row's number; k is 1 or 3, and one
                more if the picture has alpha. The rows' type is that of `result_type`.
            target: the file to write; its folder must exist.
            settings: for the note in the metadata.
            threads: how many strips are computed at once.

        Raises:
            OutputError: it cannot be written; nothing is left behind.
            UnreadableError: the input turned out damaged.
        """
        form = formats.format_of(target)
        with written_beside(target) as beside:
            self._stream(function, form, beside, name=str(target), settings=settings, threads=threads)

    def encode(self, function: StripFunction, suffix: str, *, settings: Mapping[str, str], threads: int) -> bytes:
        """Return a result as a file's bytes, in the format of `suffix`; arguments and failures as for `write`."""
        form = formats.format_of(f"result{suffix}")
        return self._stream(function, form, None, name="the result", settings=settings, threads=threads)

    def losses(self, form: formats.Format) -> tuple[str, ...]:
        """Return what of the picture a result in a format lacks, one sentence each."""
        kind = form.suffixes[0][1:].upper()
        lost = []
        if self.alpha and not form.alpha:
            lost.append(f"{kind} has no transparency: transparent parts became white")
        if self.deep and form.bits < 16 and not (form.deep and self.loader.startswith(form.name)):
            lost.append(f"{kind} does not hold 16 bits a channel: they became {form.bits}")
        return (*lost, *fitted(self.metadata, form).lost)

    def result_type(self, form: formats.Format) -> type[np.generic]:
        """Return the type of a result's values: uint16 if the picture and the format have more than 8 bits."""
        return np.uint16 if self.deep and form.deep else np.uint8

    def _stream(
        self,
        function: StripFunction,
        form: formats.Format,
        path: Path | None,
        *,
        name: str,
        settings: Mapping[str, str],
        threads: int,
    ) -> bytes:
        if form.longest and max(self.width, self.height) > form.longest:
            raise OutputError(f"{name}: {form.name} holds at most {form.longest} pixels per edge; write .png or .tif")
        dtype = self.result_type(form)
        strips: StripPicture | None = None
        try:
            pixels, source, profile = self._pixels()
            bands = 3 + (pixels.bands in (2, 4))
            if not self._held:
                strips = StripPicture(pixels, function, bands=bands, dtype=dtype, threads=threads)
            image = computed(pixels, function) if strips is None else strips.image
            metadata = for_result(self.metadata, source, size=(self.width, self.height), srgb=profile is not None)
            metadata = fitted(with_note(metadata, settings), form)
            result = _described(image, source, profile, metadata if form.name == "heif" else None)
            huge = self.width * self.height * bands * np.dtype(dtype).itemsize > 3_500_000_000
            deep = dtype is np.uint16
            options = formats.save_options(form, quality=self.quality, lossless=self.lossless, deep=deep, huge=huge)
            if form.name != "heif":
                options["keep"] = "icc"
            data = b""
            if path is None:
                data = getattr(result, f"{form.name}save_buffer")(**options)
            else:
                save(result, form.name, path, options)
            if strips is not None and strips.error is not None:  # a saver may not notice that rows are missing
                raise pyvips.Error("rows are missing")
            with io.BytesIO(data) if path is None else path.open("r+b") as file:
                ours = xmp.description(xmp.note_of(settings), settings)
                embed(file, form, metadata, size=(self.width, self.height), alpha=bands == 4, ours=ours)
                return file.getvalue() if isinstance(file, io.BytesIO) else b""
        except pyvips.Error as error:
            cause = strips.error if strips is not None else None
            if isinstance(cause, pyvips.Error):
                raise _unreadable(self.name, cause) from cause
            if cause is not None:
                raise cause from None
            raise OutputError(f"{name}: cannot be written ({_line(error)}); is the disk full?") from error
        finally:
            if strips is not None:
                strips.close()

    def _pixels(self) -> tuple[pyvips.Image, pyvips.Image, bytes | None]:
        """Return the rows to stream (grey or RGB, then alpha), the image with the metadata, and the profile."""
        source = self._open()
        pixels, alpha, profile, _ = to_srgb(source, name=self.name, negative=self.negative)
        if alpha is not None:
            pixels = pixels.bandjoin(alpha)
        pixels = self._held[0] if self._held else upright(pixels, orientation_of(source))
        if self.place is not None:
            pixels = cut(pixels, self.place)
        return pixels, source, profile


def open_picture(
    source: str | Path | bytes,
    *,
    page: int | None = None,
    negative: bool = False,
    strict: bool = False,
    most_pixels: int = MOST_PIXELS,
) -> Picture:
    """Open a picture: read its header and check that it can be used.

    Args:
        source: a file, or a file's bytes.
        page: which page of a TIFF file, from 0; smaller copies of pages are not counted.
        negative: invert it.
        strict: refuse damaged pictures when they are read, instead of using what can be saved.
        most_pixels: refuse larger ones, before they are decoded.

    Returns:
        The picture; without `page` the first of several pages or frames, and its remarks say so.

    Raises:
        UnreadableError: it is missing, empty, or not a picture.
        TooLargeError: it has more than `most_pixels`, or an edge of more than a million.
        InputError: an edge is shorter than `LEAST_EDGE` of `tinct.media.image.kinds`.
        MissingExtraError: reading it needs an extra that is not installed.
    """
    set_up_vips()
    place, name, head = _begin(source)
    try:
        image, saved = open_or_complete(place, page=page or 0, most_pixels=most_pixels)
    except (MissingExtraError, pyvips.Error) as error:
        raise _not_opened(name, error, head) from error
    width, height = (image.width, image.height)[:: -1 if orientation_of(image) >= 5 else 1]
    converted = to_srgb(image, name=name)
    check_least_edge(width, height, name=name)
    loader = str(field_of(image, "vips-loader", ""))
    pages = pages_of(place) if loader.startswith("tiffload") else []
    more = left_out(image, len(pages)) if page is None else ""
    result = Picture(
        source=place,
        name=name,
        width=width,
        height=height,
        deep=image.format != "uchar",
        loader=loader,
        alpha=converted.alpha is not None,
        read_as=tuple(filter(None, (more, field_of(image, REMARK, ""), converted.remark))),
        quality=formats.jpeg_quality(head) if loader.startswith("jpeg") else None,
        lossless=formats.is_lossless(loader, head),
        page=page or 0,
        directory=pages[page or 0].directory if pages else 0,
        saved=saved.content if saved is not None else None,
        negative=negative,
        strict=strict,
    )
    if saved is not None:
        result._note(saved.damage)
    elif loader.startswith("tiff") and not page and lacks_pages(place):
        result._note("damaged: its file ends too soon, and later pages are missing")
    return result


def check_target(target: Path, source: Path | bytes, *, overwrite: bool) -> None:
    """Raise OutputError for a target of an unknown kind, one that exists already, a folder, or the source itself."""
    formats.format_of(target)
    files.check_target(target, source=source if isinstance(source, Path) else None, overwrite=overwrite)


def _described(
    image: pyvips.Image, source: pyvips.Image, profile: bytes | None, metadata: Metadata | None
) -> pyvips.Image:
    """Return a result with the resolution, the profile, and the `metadata` if any, that libvips is to write."""
    xres, yres = (min(value, HIGHEST_RESOLUTION) for value in (source.xres, source.yres))
    result = image.copy(xres=xres, yres=yres)
    if profile is not None:
        result.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    if metadata is not None:  # libvips makes an EXIF block of the first field, which `embed` replaces
        result.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Software", f"{xmp.MARK} (text)")
        result.set_type(pyvips.GValue.blob_type, "xmp-data", metadata.xmp)
    return result


def _begin(source: str | Path | bytes) -> tuple[Path | bytes, str, bytes]:
    """Return a file's path or its bytes, its name for messages, and its first bytes."""
    place = source if isinstance(source, bytes) else Path(source)
    name = "the picture" if isinstance(place, bytes) else str(place)
    if isinstance(place, bytes):
        head = place[: 1 << 20]
    else:
        if place.is_dir():
            raise UnreadableError(f"{name}: is a folder, not a picture")
        if place.exists() and not place.is_file():
            raise UnreadableError(f"{name}: is a pipe or a device, not a file; send it to standard input, as -")
        try:
            with place.open("rb") as file:
                head = file.read(1 << 20)
        except OSError as error:
            raise UnreadableError(f"{name}: cannot be opened ({error.strerror or error}); check the name") from error
    if not head:
        raise UnreadableError(f"{name}: is empty; copy it again from where it came")
    return place, name, head


def _not_opened(name: str, error: MissingExtraError | pyvips.Error, head: bytes) -> TinctError:
    if isinstance(error, MissingExtraError):
        return MissingExtraError(error.extra, f"{name}: {error.what}")
    if isinstance(error, TooManyPixelsError):
        return TooLargeError(f"{name}: {error.message}; make it smaller first")
    what = "" if isinstance(error, UnsupportedError) else named(head)
    return UnreadableError(f"{name}: {what}") if what else _unreadable(name, error)


def _unreadable(name: str, error: pyvips.Error) -> TinctError:
    if isinstance(error, UnsupportedError):
        return UnreadableError(f"{name}: {error.message}")
    # libvips' own message is left out: it keeps one for all threads, which may be about another thread's file.
    return UnreadableError(f"{name}: is not a picture that can be read, or is damaged; check or replace it")


def _line(error: pyvips.Error) -> str:
    """Return the first line of libvips' message."""
    lines = [line.strip() for line in str(getattr(error, "detail", "") or error).splitlines() if line.strip()]
    return lines[0] if lines else "no reason given"
