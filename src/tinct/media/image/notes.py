"""The note in a result's metadata that says its colours were computed, and carrying the input's metadata over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

import pyvips

from tinct import __version__

NAMESPACE = "https://github.com/tinct/tinct/ns/1.0/"
MARK = "colorized by tinct"

# What describes the input's pixels or file and not the picture.
_OF_THE_FILE = {
    "width", "height", "bands", "format", "coding", "interpretation", "xoffset", "yoffset", "filename", "vips-loader",
    "vips-sequential", "jpeg-multiscan", "jpeg-chroma-subsample", "jpeg-thumbnail-data", "bits-per-sample", "palette",
    "palette-bit-depth", "png-bitdepth", "interlaced", "n-pages", "page-height", "n-subifds", "heif-primary",
    "heif-compression", "heif-bitdepth", "background", "loop", "delay", "gif-loop", "gif-delay", "orientation",
    "icc-profile-data", "exif-ifd0-Orientation", "exif-ifd1-Orientation", "vips-concurrency",
}  # fmt: skip
_OUR_DESCRIPTION = re.compile(
    rb"<rdf:Description[^>]*xmlns:tinct=\"" + re.escape(NAMESPACE.encode()) + rb"\".*?</rdf:Description>\s*", re.DOTALL
)
_XMP_ORIENTATION = re.compile(rb"(\btiff:Orientation\s*=\s*[\"']\s*|<tiff:Orientation>\s*)[2-8](?=\s*[\"'<])")
# A JPEG segment holds no more.
_LONGEST_PACKET = 65_000


def copy_metadata(source: Any, result: Any) -> None:
    """Copy EXIF, XMP, IPTC, texts and resolution from one libvips image to another, which is changed in place."""
    for name in source.get_fields():
        if name in _OF_THE_FILE or name.startswith(("exif-ifd1-", "magick-")):
            continue
        result.set_type(source.get_typeof(name), name, source.get(name))
    if source.get_typeof("orientation"):  # the pixels are upright now; the EXIF block still says how they were
        kind = source.get_typeof("orientation")
        result.set_type(kind, "orientation", 1)
        if source.get("orientation") > 1 and result.get_typeof("xmp-data"):
            result.set_type(pyvips.GValue.blob_type, "xmp-data", xmp_upright(result.get("xmp-data")))


def xmp_upright(packet: bytes) -> bytes:
    """Mark the picture as upright in an XMP packet that says otherwise, as attribute or element."""
    return _XMP_ORIENTATION.sub(rb"\g<1>1", packet)


def write_note(result: Any, settings: Mapping[str, str]) -> None:
    """Write into EXIF and XMP of a libvips image, in place, that it was colorized, by this version and with what.

    `settings` are names, of letters only, and values, such as `model` and `temperature`.
    """
    used = ", ".join(f"{name} {value}" for name, value in settings.items())
    note = f"{MARK} {__version__}" + (f" ({used})" if used else "")
    field = "exif-ifd0-Software"
    before = _exif_text(result.get(field)) if result.get_typeof(field) else ""
    before = before.split(MARK)[0].rstrip("; ")
    text = f"{before}; {note}" if before else note
    result.set_type(pyvips.GValue.gstr_type, field, _exif_value(text))
    packet = result.get("xmp-data") if result.get_typeof("xmp-data") else None
    result.set_type(pyvips.GValue.blob_type, "xmp-data", xmp_with_note(packet, note, settings))


def xmp_with_note(packet: bytes | None, note: str, settings: Mapping[str, str]) -> bytes:
    """Add tinct's description to an XMP packet, in place of an earlier one; everything else stays byte for byte.

    A packet of an unknown form, or that would grow too long, is returned as it is.
    """
    values = {"note": note, "version": __version__, **settings}
    items = "".join(f"<tinct:{name}>{escape(str(value))}</tinct:{name}>" for name, value in values.items())
    ours = f'<rdf:Description rdf:about="" xmlns:tinct="{NAMESPACE}">{items}</rdf:Description>\n'.encode()
    if not packet:
        described = (
            '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>'
            f'<rdf:li xml:lang="x-default">{escape(note)}</rdf:li></rdf:Alt></dc:description></rdf:Description>\n'
        )
        return (
            b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
            b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
            + described.encode()
            + ours
            + b'</rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
        )
    kept = _OUR_DESCRIPTION.sub(b"", packet)
    end = kept.rfind(b"</rdf:RDF>")
    if end < 0 or len(kept) + len(ours) > _LONGEST_PACKET:
        return packet
    return kept[:end] + ours + kept[end:]


def _exif_value(text: str) -> str:
    """Return the value of an EXIF field as libvips takes it: it cuts the last parenthesis off. EXIF text is ASCII."""
    return text.encode("ascii", "replace").decode() + " (text)"


def _exif_text(value: str) -> str:
    """Return the text of an EXIF field as libvips shows it: `text (text, ASCII, 5 components, 5 bytes)`."""
    match = re.match(r"(.*) \(\1, ASCII, \d+ components, \d+ bytes\)$", value, re.DOTALL)
    return match.group(1) if match else re.sub(r" \(.*, ASCII, \d+ components, \d+ bytes\)$", "", value)
