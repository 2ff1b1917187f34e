"""Change XMP packets: add tinct's note, mark them upright, split and join the two parts of long ones in JPEG files.

The note says in a result's metadata that its colours were computed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from hashlib import md5

from tinct import __version__

NAMESPACE = "https://github.com/tinct/tinct/ns/1.0/"
MARK = "colorized by tinct"
_OUR_DESCRIPTION = re.compile(
    rb"<rdf:Description[^>]*xmlns:tinct=\"" + re.escape(NAMESPACE.encode()) + rb"\".*?</rdf:Description>\s*", re.DOTALL
)
# The most bytes of XMP that one segment of a JPEG file holds.
LONGEST_IN_JPEG = 65_502
_ORIENTATION = re.compile(rb"(\btiff:Orientation\s*=\s*[\"']\s*|<tiff:Orientation>\s*)[2-8](?=\s*[\"'<])")
_PADDING = re.compile(rb"\s+(?=<\?xpacket end=)")
_POINTER = re.compile(
    rb"\s*xmpNote:HasExtendedXMP\s*=\s*([\"'])[^\"']*\1|<xmpNote:HasExtendedXMP>[^<]*</xmpNote:HasExtendedXMP>"
)
# What phones say about a film, a gain map or a depth map that follows the picture in its file; results have none.
_BEHIND = re.compile(
    rb"\s(?:G?Camera:(?:Motion|Micro)\w+|hdrgm:\w+)\s*=\s*(?:\"[^\"]*\"|'[^']*')"
    rb"|<(G?Container:Directory|(?:G?Camera:(?:Motion|Micro)|hdrgm:)\w+)\b(?:[^>]*/>|.*?</\1>)",
    re.DOTALL,
)
_RDF = re.compile(rb"<rdf:RDF\b([^>]*)>(.*)</rdf:RDF>", re.DOTALL)
_META = re.compile(rb"<x:xmpmeta\b([^>]*)>")
_NAMESPACE = re.compile(rb"\s(xmlns:[\w.-]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_DESCRIPTION = re.compile(rb"<rdf:Description\b([^>]*)")
_MAIN = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="%s"/>\n%s</rdf:RDF></x:xmpmeta>\n'
    '<?xpacket end="w"?>'
)


def upright(packet: bytes) -> bytes:
    """Mark the picture as upright in an XMP packet that says otherwise, as attribute or element."""
    return _ORIENTATION.sub(rb"\g<1>1", packet)


def alone(packet: bytes) -> bytes:
    """Return a packet without what it says about a film, a gain map or other data after the picture in its file.

    Source: Google's Motion Photo format 1.0 and Ultra HDR image format 1.1.
    """
    return _BEHIND.sub(b"", packet)


def merged(main: bytes, extended: bytes) -> bytes:
    """Return the packet that a JPEG file keeps in two parts as one; the main one alone if they do not fit.

    Source: XMP specification part 3 (Adobe, 2020), 1.1.3.1.
    """
    inner = _RDF.search(extended)
    main = _POINTER.sub(b"", main)
    end = main.rfind(b"</rdf:RDF>")
    if inner is None or end < 0:
        return main
    outside = inner[1] + b"".join(_META.findall(extended))
    names = dict(_NAMESPACE.findall(outside))
    names.pop(b"xmlns:rdf", None)

    def declared(match: re.Match[bytes]) -> bytes:
        own = dict(_NAMESPACE.findall(match[1]))
        more = b"".join(b" " + name + b"=" + value for name, value in names.items() if name not in own)
        return b"<rdf:Description" + more + match[1]

    return main[:end] + _DESCRIPTION.sub(declared, inner[2]).strip() + b"\n" + main[end:]


def split(packet: bytes, *, ours: str) -> tuple[bytes, bytes, bytes]:
    """Return a packet as a JPEG file can hold it: the main part, and the extended part and its name, or both empty.

    Args:
        packet: an XMP packet of any length.
        ours: tinct's own description, which stays in the main part.
    """
    if len(packet) > LONGEST_IN_JPEG:
        packet = _PADDING.sub(b"\n", packet)
    if len(packet) <= LONGEST_IN_JPEG:
        return packet, b"", b""
    start, end = packet.find(b"<x:xmpmeta"), packet.rfind(b"</x:xmpmeta>")
    extended = packet[start : end + len(b"</x:xmpmeta>")] if 0 <= start < end else packet
    name = md5(extended, usedforsecurity=False).hexdigest().upper()
    return (_MAIN % (name, ours)).encode(), extended, name.encode()


def note_of(settings: Mapping[str, str]) -> str:
    """Return what a result's metadata say: that it was colorized, by which version, with which settings."""
    used = ", ".join(f"{name} {value}" for name, value in settings.items())
    return f"{MARK} {__version__}" + (f" ({used})" if used else "")


def description(note: str, settings: Mapping[str, str]) -> str:
    """Return tinct's own description in XMP, with a note and the settings by name."""
    values = {"note": note, "version": __version__, **settings}
    items = "".join(f"<tinct:{name}>{_escaped(str(value))}</tinct:{name}>" for name, value in values.items())
    return f'<rdf:Description rdf:about="" xmlns:tinct="{NAMESPACE}">{items}</rdf:Description>\n'


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)  # xml.sax.saxutils does the same, but imports Python's HTTP modules


def noted(packet: bytes | None, note: str, settings: Mapping[str, str]) -> bytes:
    """Add tinct's description to an XMP packet, in place of an earlier one; everything else stays byte for byte.

    A packet of an unknown form is returned as it is.
    """
    ours = description(note, settings).encode()
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
