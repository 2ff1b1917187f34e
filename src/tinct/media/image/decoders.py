"""Decode pictures that libvips' packages cannot read, whole, by other libraries.

OpenCV reads BMP, PNM, JPEG 2000, and TIFF of 10, 12 or 14 packed bits. Three extras read the rest: pillow-heif HEIC,
Pillow TIFF compressed by zstd, WebP or LZMA, and rawpy cameras' raw files.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import cv2
import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct.errors import MissingExtraError, one_line
from tinct.media.image.containers import boxes
from tinct.media.image.kinds import MOST_PIXELS, check_pixels, pnm_header, stated_size
from tinct.media.image.pixels import image_of, remarked
from tinct.media.image.xmp import upright


def decode(content: bytes, kind: str, *, page: int = 0, most_pixels: int = MOST_PIXELS) -> pyvips.Image:
    """Decode a whole file of one of these kinds, or a TIFF file's page of this index, and set `vips-loader`.

    Raises:
        MissingExtraError: this needs an extra that is not installed.
        TooManyPixelsError: it has more than `most_pixels`; nothing was decoded.
        pyvips.Error: it is damaged.
    """
    if size := stated_size(content, kind):
        check_pixels(*size, most_pixels)
    if kind == "heifload_hevc":
        image = _heic(content, most_pixels)
    elif kind == "rawload":
        image = _raw(content, most_pixels)
    elif kind == "tiffload_zstd":
        image = _by_pillow(content, page, most_pixels)
    elif kind == "tiffload_jpeg":  # the whole JPEG file that old TIFF files hold, which libvips' libtiff cannot read
        image = pyvips.Image.jpegload_buffer(content, fail_on="error").copy()
    else:
        if kind == "pnmload" and content[1:2] in b"123":
            content += b"\n"  # OpenCV needs something after the last number
        pixels = _by_opencv(content, page)
        if kind == "pnmload":
            pixels = _stretched(pixels, content)
        elif kind == "tiffload_packed":
            pixels = _filled(pixels)
        if pixels.ndim == 3:  # OpenCV's blue, green, red and opacity
            pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
        image = image_of(pixels)
        if kind == "jp2kload":
            _describe_jp2(content, image)
    image.set_type(pyvips.GValue.gstr_type, "vips-loader", kind)
    return image


def _set_blobs(image: pyvips.Image, **blobs: bytes | None) -> None:
    for name, data in blobs.items():
        if data:
            image.set_type(pyvips.GValue.blob_type, name.replace("_", "-"), bytes(data))


def _by_opencv(content: bytes, page: int) -> NDArray[Any]:
    logging = cv2.utils.logging
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # the error says what is wrong, so OpenCV need not print it
    data = np.frombuffer(content, dtype=np.uint8)
    pixels: NDArray[Any] | None = None
    try:
        if page:
            pixels = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED, range=(page, page + 1))[1][0]
        else:
            pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except (cv2.error, IndexError):  # such as more pixels than OpenCV decodes
        pass
    finally:
        logging.setLogLevel(level)
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16) or pixels.shape[2:] not in ((), (3,), (4,)):
        raise pyvips.Error("OpenCV cannot decode it")
    return pixels


def _stretched(pixels: NDArray[Any], content: bytes) -> NDArray[Any]:
    """Scale values whose stated maximum is not 255 or 65535 to that; OpenCV does so itself for 8-bit text files."""
    if pixels.dtype == np.uint8 and content[1:2] in (b"2", b"3"):
        return pixels
    header = pnm_header(content)
    whole = int(np.iinfo(pixels.dtype).max)
    largest = min(header[2], whole) if header else whole
    if largest in (0, whole):
        return pixels
    result: NDArray[Any] = np.rint(pixels.astype(np.float64) * (whole / largest)).clip(0, whole).astype(pixels.dtype)
    return result


def _filled(pixels: NDArray[Any]) -> NDArray[Any]:
    """Scale values of 12 bits, which OpenCV puts into the upper 12 of 16 bits, to the whole range."""
    if pixels.dtype != np.uint16:
        return pixels
    result: NDArray[Any] = pixels | (pixels >> 12)
    return result


def _heic(content: bytes, most_pixels: int) -> pyvips.Image:
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtraError("heic", "reading HEIC") from error
    try:
        opened = pillow_heif.open_heif(io.BytesIO(content), convert_hdr_to_8bit=False)
        check_pixels(opened.size[0], opened.size[1], most_pixels)
        image = image_of(np.asarray(opened))
    except (ValueError, RuntimeError, OSError, EOFError, SyntaxError) as error:
        raise pyvips.Error(one_line(error) or "HEIC cannot be decoded") from error
    _set_blobs(
        image,
        exif_data=opened.info.get("exif"),
        xmp_data=upright(opened.info.get("xmp") or b""),  # its pixels are turned already
        icc_profile_data=opened.info.get("icc_profile"),
    )
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)  # whatever its EXIF block says
    if len(opened) > 1:
        image.set_type(pyvips.GValue.gint_type, "n-pages", len(opened))
    return image


def _by_pillow(content: bytes, page: int, most_pixels: int) -> pyvips.Image:
    try:
        from PIL import Image, features
    except ImportError as error:
        raise MissingExtraError("heic", "reading TIFF compressed by zstd or WebP") from error
    if not features.check("libtiff"):
        raise pyvips.Error("this Pillow cannot read compressed TIFF")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns above 89 megapixels
            opened = Image.open(io.BytesIO(content))
            opened.seek(page)
            check_pixels(*opened.size, most_pixels)
            held = opened if opened.mode in ("L", "LA", "RGB", "RGBA", "I;16", "I;16B") else opened.convert("RGB")
            pixels = np.asarray(held)
    except (ValueError, OSError, EOFError, SyntaxError, Image.DecompressionBombError) as error:
        raise pyvips.Error(one_line(error) or "TIFF cannot be decoded") from error
    return image_of(pixels.astype(np.uint16) if pixels.dtype.itemsize == 2 else pixels)


def _raw(content: bytes, most_pixels: int) -> pyvips.Image:
    try:
        import rawpy
    except ImportError as error:
        raise MissingExtraError(
            "raw", "this is a camera's raw file: export it as TIFF or JPEG first, or let tinct develop it, which"
        ) from error
    try:
        with rawpy.imread(io.BytesIO(content)) as sensor:
            check_pixels(sensor.sizes.width, sensor.sizes.height, most_pixels)
            pixels = sensor.postprocess(use_camera_wb=True, output_bps=16, no_auto_bright=True)
    except rawpy.LibRawError as error:
        raise pyvips.Error(f"the camera's raw file cannot be developed ({error})") from error
    image = image_of(pixels)
    return remarked(image, "developed from the camera's raw file with its own white balance")


def _describe_jp2(content: bytes, image: pyvips.Image) -> None:
    """Copy the profile, XMP and EXIF of a JPEG 2000 file to its image.

    Source: ISO/IEC 15444-1, annex I; the identifiers of XMP (its specification, part 3) and of EXIF (JPEG group).
    """
    if content[:4] != b"\0\0\0\x0c":
        return
    blobs: dict[str, bytes] = {}
    found = list(boxes(content))
    found += [inner for kind, start, stop in found if kind == b"jp2h" for inner in boxes(content, start, stop)]
    for kind, start, stop in found:
        head = content[start : start + 16]
        if kind == b"colr" and head[:1] == b"\2":
            blobs["icc_profile_data"] = content[start + 3 : stop]
        elif kind == b"uuid" and head.hex() == "be7acfcb97a942e89c71999491e3afac":
            blobs["xmp_data"] = content[start + 16 : stop]
        elif kind == b"uuid" and head == b"JpgTiffExif->JP2":
            blobs["exif_data"] = content[start + 16 : stop]
    _set_blobs(image, **blobs)
