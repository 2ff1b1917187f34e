"""The note in a result's metadata that says its colours were computed."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace

from tinct import __version__
from tinct.media.image import tags
from tinct.media.image.metadata import Metadata

NAMESPACE = "https://github.com/tinct/tinct/ns/1.0/"
MARK = "colorized by tinct"
_SOFTWARE = 305

_OUR_DESCRIPTION = re.compile(
    rb"<rdf:Description[^>]*xmlns:tinct=\"" + re.escape(NAMESPACE.encode()) + rb"\".*?</rdf:Description>\s*", re.DOTALL
)


def with_note(metadata: Metadata, settings: Mapping[str, str]) -> Metadata:
    """Return metadata that say, in EXIF and XMP, that the picture was colorized, by which version and settings.

    `settings` are values by names, such as `model` and `temperature`; names consist of letters only.
    """
    note = _note(settings)
    before = metadata.exif.main.get(_SOFTWARE)
    words = before.data.rstrip(b"\0").decode(errors="replace") if before is not None else ""
    words = words.split(MARK)[0].rstrip("; ")
    main = {**metadata.exif.main, _SOFTWARE: tags.text(f"{words}; {note}" if words else note)}
    packet = xmp_with_note(metadata.xmp or None, note, settings)
    return replace(metadata, exif=replace(metadata.exif, main=main), xmp=packet)


def description(settings: Mapping[str, str]) -> str:
    """Return tinct's own description in XMP."""
    return _description(_note(settings), settings)


def _note(settings: Mapping[str, str]) -> str:
    used = ", ".join(f"{name} {value}" for name, value in settings.items())
    return f"{MARK} {__version__}" + (f" ({used})" if used else "")


def _description(note: str, settings: Mapping[str, str]) -> str:
    values = {"note": note, "version": __version__, **settings}
    items = "".join(f"<tinct:{name}>{_escaped(str(value))}</tinct:{name}>" for name, value in values.items())
    return f'<rdf:Description rdf:about="" xmlns:tinct="{NAMESPACE}">{items}</rdf:Description>\n'


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)  # xml.sax.saxutils does the same, but imports Python's HTTP modules


def xmp_with_note(packet: bytes | None, note: str, settings: Mapping[str, str]) -> bytes:
    """Add tinct's description to an XMP packet, in place of an earlier one; everything else stays byte for byte.

    A packet of an unknown form is returned as it is.
    """
    ours = _description(note, settings).encode()
    if not packet:
        described = (
            '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>'
            f'<rdf:li xml:lang="x-default">{_escaped(note)}</rdf:li></rdf:Alt></dc:description></rdf:Description>\n'
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
    return packet if end < 0 else kept[:end] + ours + kept[end:]
