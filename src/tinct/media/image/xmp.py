"""Change XMP packets: mark them upright, and split and join the two parts of long ones in JPEG files."""

from __future__ import annotations

import re
from hashlib import md5

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
