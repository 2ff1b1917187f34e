"""Name files that are not pictures, or of kinds that tinct does not read, and say what to do with them."""

from __future__ import annotations

import re

# First bytes, what begins so, and the remedy.
_KINDS = (
    (rb"%PDF-", "a PDF document", "take its pictures out first, with pdfimages -all"),
    (rb"AT&TFORM", "a DjVu document", "save its pages as TIFF first, with ddjvu"),
    (rb"8BPS", "a document of Photoshop", "save it as TIFF or PNG"),
    (rb"gimp xcf", "a document of GIMP", "export it as TIFF or PNG"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL, which tinct does not read", "save it as PNG or JPEG"),
    (rb"v/1\x01|#\?RADIANCE|#\?RGBE|P[Ff]\s", "a picture of high dynamic range", "save it as TIFF or PNG"),
    (rb"P7\s", "a PAM file, which tinct does not read", "save it as PNG"),
    (rb"\0\0[\x01\x02]\0", "an icon", "save it as PNG"),
    (rb"\x0a[\0-\x05]\x01[\x01-\x08]", "a PCX file, which tinct does not read", "save it as PNG"),
    (rb".{128}DICM", "a DICOM file", "save its picture as PNG or TIFF"),
    (rb"\0\x05\x16[\0\x07]", "what macOS notes about another file, whose name lacks the ._", "leave it out"),
    (rb"(?i:\s*<(?:!doctype html|html|head|body))", "a web page, as failed downloads leave", "download it again"),
    (rb"version https://git-lfs", "a pointer to a file that Git LFS holds", "fetch it with git lfs pull"),
    (rb"PK\x03\x04|7z\xbc\xaf\x27\x1c|Rar!|\x1f\x8b|BZh|\xfd7zXZ", "an archive", "unpack it first"),
    (rb".{4}(?:moov|mdat|ftyp(?!avi|mif|msf|hei|hev|crx))", "a film", "use tinct video"),
    (rb"\x1aE\xdf\xa3|RIFF.{4}AVI |OggS|\0\0\x01\xba|FLV\x01", "a film", "use tinct video"),
)


def named(head: bytes) -> str:
    """Return what a file is that is not a readable picture, and what to do; empty if it is not known.

    Args:
        head: its first 132 bytes or more; all of a shorter file.
    """
    if not any(head):
        return "holds nothing but zeros, as failing disks and broken transfers leave; copy it again from elsewhere"
    return next((f"is {what}; {remedy}" for magic, what, remedy in _KINDS if re.match(magic, head, re.DOTALL)), "")
