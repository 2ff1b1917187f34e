"""What a file says about its picture arrives in every format, read back by ExifTool."""

from __future__ import annotations

import io
import json
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from media.image.pictures import scene, tinted, write
from tinct.media.image import containers, formats, png, tags, xmp
from tinct.media.image.metadata import Metadata
from tinct.media.image.picture import open_picture
from tinct.media.image.xmp import MARK

needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs ExifTool: make exiftool")
KINDS = {".jpg": {"Q": 90}, ".png": {}, ".tif": {}, ".webp": {"Q": 90}, ".avif": {"Q": 90}}
PAIRS = [(source, target) for source in KINDS for target in KINDS]
# What every format of a source holds, by ExifTool's names.
WORDS = {
    "IFD0:Artist": "Dörte Ångström",
    "IFD0:Copyright": "© 1931 Łódź",
    "IFD0:ImageDescription": "Улица",
    "IFD0:Make": "Leica",
    "IFD0:Model": "M3",
    "IFD0:ModifyDate": "1931:05:06 07:08:09",
    "ExifIFD:DateTimeOriginal": "1931:05:06 07:08:09",
    "ExifIFD:FNumber": "5.6",
    "ExifIFD:LensModel": "Elmar",
    "GPS:GPSLatitude": "48.8584",
    "GPS:GPSLatitudeRef": "N",
    "GPS:GPSLongitude": "2.2945",
    "GPS:GPSLongitudeRef": "E",
    "XMP-dc:Creator": "Dörte",
    "XMP-dc:Subject": "мост",
    "XMP-photoshop:City": "København",
    "IFD0:XResolution": "300",
    "IFD0:YResolution": "300",
    "IFD0:ResolutionUnit": "2",
}
IPTC = {
    "IPTC:Caption-Abstract": "Ein Haus in Łódź, " * 20,
    "IPTC:By-line": "Ångström",
    "IPTC:CopyrightNotice": "© Somebody",
}
OWN = {
    ".jpg": {"File:Comment": "Kommentar Ł"},
    ".png": {"PNG:Comment": "Kommentar Ł", "PNG:Title": "Haus", "PNG:Author": "Łucja"},
    ".tif": {"IFD0:DocumentName": "Album 3", "IFD0:PageName": "7 recto", "IFD0:HostComputer": "scanner"},
    ".webp": {},
    ".avif": {},
}
HOLD_IPTC = (".jpg", ".png", ".tif")


def exiftool(*arguments: object) -> str:
    command = ["exiftool", "-charset", "filename=utf8", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def shown(*files: Path) -> dict[str, dict[str, str]]:
    """What ExifTool reads in files, by their names; the values of a tag that is there several times are joined."""
    found: dict[str, dict[str, str]] = {}
    for row in json.loads(exiftool("-j", "-a", "-e", "-G1:4", "-n", "-struct", *files)):
        read = found.setdefault(Path(row["SourceFile"]).name, {})
        for name, value in row.items():
            words = (", ".join(map(str, value)) if isinstance(value, list) else str(value)).strip()
            key = re.sub(r":Copy\d+", "", name)
            read[key] = f"{read[key]}\n{words}" if key in read else words
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("metadata")


@pytest.fixture(scope="module")
def results(folder) -> dict[str, dict[str, str]]:
    """What ExifTool reads in a result of each pair of formats, by `FROM_TO.SUFFIX`, and in the sources."""
    profile = [(pyvips.GValue.blob_type, "icc-profile-data", pyvips.Image.profile_load("srgb"))]
    for suffix, options in KINDS.items():
        source = write(folder / f"in{suffix}", scene(bands=3), fields=profile, **options)
        words = {**WORDS, **OWN[suffix], **(IPTC if suffix in HOLD_IPTC else {})}
        written = [f"-{name.replace('File:', '')}={value}" for name, value in words.items()]
        exiftool("-q", "-m", "-n", "-overwrite_original", "-IPTC:CodedCharacterSet=UTF8", *written, source)
        for target in KINDS:
            open_picture(source).write(
                lambda rows, top: rows,
                folder / f"{suffix[1:]}_{target[1:]}{target}",
                settings={"model": "x"},
                threads=1,
            )
    return shown(*sorted(folder.iterdir()))


@needs_exiftool
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_kind_arrives_in_every_format(results, folder, source, target):
    name = f"{source[1:]}_{target[1:]}{target}"
    read, before = results[name], results[f"in{source}"]
    words = {**WORDS, **(IPTC if source in HOLD_IPTC and target in HOLD_IPTC else {})}
    for found in (before, read):
        assert {key: found.get(key) for key in words} == {key: value.strip() for key, value in words.items()}
    assert read["ICC_Profile:ProfileDescription"] == before["ICC_Profile:ProfileDescription"]
    assert MARK in read["IFD0:Software"]
    assert "ExifTool:Warning" not in read
    everything = "\n".join(read.values())
    for key, value in OWN[source].items():
        if target == source or key.startswith("IFD0"):
            assert read[key] == value
        assert value in everything, key
    losses = open_picture(folder / f"in{source}").losses(formats.format_of(name))
    lost = source in HOLD_IPTC and target not in HOLD_IPTC
    assert losses == ((f"{target[1:].upper()} has no place for IPTC: left out",) if lost else ())
    reread = pyvips.Image.new_from_file(str(folder / name), fail_on="warning").numpy()
    assert np.abs(reread.astype(int) - scene(bands=3)).mean() < 3


def xmp_of(length: int) -> bytes:
    words = "Ein langes Leben. " * (length // 18)
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/">'
        f'<rdf:Description rdf:about="" photoshop:City="Łódź"><photoshop:Headline>{words}</photoshop:Headline>'
        "</rdf:Description></rdf:RDF></x:xmpmeta>" + " " * 2000 + '<?xpacket end="w"?>'
    ).encode()


@needs_exiftool
@pytest.mark.parametrize("length", [60_000, 65_000, 200_000])
def test_a_long_xmp_packet_arrives_whole(tmp_path, length):
    """Through a JPEG file, which splits it where one segment is too short, into every format."""
    fields = [(pyvips.GValue.blob_type, "xmp-data", xmp_of(length))]
    names = ["in.tif", "first.jpg"]
    write(tmp_path / "in.tif", scene(), fields=fields)
    open_picture(tmp_path / "in.tif").write(tinted, tmp_path / "first.jpg", settings={"model": "x"}, threads=1)
    for suffix in KINDS:
        names.append(f"then{suffix}")
        open_picture(tmp_path / "first.jpg").write(tinted, tmp_path / names[-1], settings={"model": "x"}, threads=1)
    read = shown(*(tmp_path / name for name in names))
    for name in names:
        assert read[name]["XMP-photoshop:City"] == "Łódź", name
        assert read[name]["XMP-photoshop:Headline"] == ("Ein langes Leben. " * (length // 18)).strip(), name
        assert "ExifTool:Warning" not in read[name]
    packet = open_picture(tmp_path / "then.jpg").metadata.xmp
    assert packet.count(b"<tinct:model>") == 1 + (length >= 65_000)  # once where all look, once in the long part


def maker_block(order: str) -> bytes:
    """An EXIF block of either byte order whose camera's notes refer to a place in the block."""
    note = b"OLD CAMERA\0" + bytes(20) + b"end"
    place = 8 + 2 + 12 + 4 + 2 + 24 + 4
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    main = struct.pack(f"{order}HHHIII", 1, tags.EXIF_POINTER, tags.LONG, 1, 26, 0)
    photo = struct.pack(f"{order}HHHIHH", 2, 0x8827, tags.SHORT, 1, 400, 0)
    photo += struct.pack(f"{order}HHIII", tags.MAKER_NOTE, tags.UNDEFINED, len(note), place, 0)
    return head + main + photo + note


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_cameras_notes_stay_where_they_lay(order):
    block = maker_block(order)
    exif, _ = tags.read_exif(io.BytesIO(block))
    assert exif.photo[0x8827].numbers == (400,)
    again = tags.exif_block(exif)
    place = block.index(b"OLD CAMERA")
    assert again[place : place + 34] == block[place:]
    assert tags.read_exif(io.BytesIO(again))[0] == exif


def test_damaged_exif_is_left_out_and_said(tmp_path):
    source = write(tmp_path / "in.png", scene(), keep="none")
    whole = source.read_bytes()
    content = b"II*\0" + struct.pack("<I", 5000)
    chunk = struct.pack(">I4s", len(content), b"eXIf") + content + struct.pack(">I", zlib.crc32(b"eXIf" + content))
    source.write_bytes(whole[:33] + chunk + whole[33:])
    opened = open_picture(source)
    assert opened.losses(formats.format_of("out.jpg")) == ("its EXIF block is damaged and was left out",)
    opened.write(tinted, tmp_path / "out.jpg", settings={}, threads=1)
    assert MARK in open_picture(tmp_path / "out.jpg").metadata.exif.main[305].data.decode()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_results_as_bytes_carry_it_too(tmp_path, suffix):
    fields = [(pyvips.GValue.gstr_type, "exif-ifd0-Artist", "Dorothea (text)")]
    source = write(tmp_path / "in.jpg", scene(), fields=fields)
    data = open_picture(source.read_bytes()).encode(tinted, suffix, settings={"model": "x"}, threads=1)
    found = open_picture(data).metadata
    assert found.exif.main[315].data == b"Dorothea\0"
    assert b"<tinct:model>x</tinct:model>" in found.xmp


def test_big_tiff_files_are_read_and_added_to(tmp_path):
    source = write(tmp_path / "in.tif", scene(), bigtiff=True)
    described = tags.Exif(main={315: tags.text("Łucja Ångström")}, gps={1: tags.text("N")})
    with source.open("r+b") as file:
        tags.add_to_tiff(file, described)
    found = open_picture(source).metadata.exif
    assert (found.main[315], found.gps) == (described.main[315], described.gps)
    np.testing.assert_array_equal(pyvips.Image.new_from_file(str(source)).numpy(), scene()[..., 0])


def test_too_much_exif_for_a_jpeg_file_is_said(tmp_path):
    source = write(tmp_path / "in.tif", scene())
    with source.open("r+b") as file:
        tags.add_to_tiff(file, tags.Exif(main={315: tags.text("Łucja"), 270: tags.text("word " * 20_000)}))
    opened = open_picture(source)
    assert opened.losses(formats.format_of("a.tif")) == ()
    assert opened.losses(formats.format_of("a.jpg")) == (
        "JPG holds at most 64 kB of EXIF: the longest entries were left out",
    )
    opened.write(tinted, tmp_path / "out.jpg", settings={}, threads=1)
    assert 315 in open_picture(tmp_path / "out.jpg").metadata.exif.main


def test_resources_of_photoshop_are_parted():
    path = b"8BIM" + struct.pack(">H", 0x07D0) + b"\x04Path\0" + struct.pack(">I", 3) + b"abc\0"
    thumbnail = b"8BIM" + struct.pack(">HHI", 0x040C, 0, 2) + b"xy"
    block = containers.joined(b"\x1c\x02\x05\0\x01a", path + thumbnail)
    assert containers.divided(containers.SIGNATURE + block) == (b"\x1c\x02\x05\0\x01a", path)
    assert containers.divided(block[:-1])[1] == path
    assert png.from_raw_profile(png.raw_profile("iptc", block)) == block
    assert png.from_raw_profile("\nIPTC profile\n") == b""


def test_a_short_packet_stays_as_it_is():
    packet = xmp_of(100)
    assert xmp.split(packet, ours="") == (packet, b"", b"")
    assert Metadata().lost == ()


MOTION = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1" '
    b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
    b'xmlns:Container="http://ns.google.com/photos/1.0/container/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    b'xmp:Rating="4"><Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"/></rdf:Seq></Container:Directory>'
    b"<GCamera:MotionPhotoVersion>1</GCamera:MotionPhotoVersion></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def test_what_phones_put_behind_a_picture_is_said_and_no_longer_promised(tmp_path):
    """A film or a gain map: a result whose metadata name one that is not there is broken for who looks for it."""
    photo = Image.fromarray(np.full((40, 60), 128, np.uint8))
    stream = io.BytesIO()
    photo.save(stream, "MPO", save_all=True, append_images=[photo])
    (tmp_path / "pair.jpg").write_bytes(stream.getvalue())
    photo.save(tmp_path / "film.jpg", xmp=MOTION)
    for name in ("pair.jpg", "film.jpg"):
        opened = open_picture(tmp_path / name)
        assert opened.metadata.lost == (
            "what lies behind the picture in its file (a film, a gain map, a second view) was left out",
        )
    packet = open_picture(tmp_path / "film.jpg").metadata.xmp
    assert b'xmp:Rating="4"' in packet
    assert not any(name in packet for name in (b"MotionPhoto", b"hdrgm:Version", b"<Container:", b"parseType"))
    photo.save(tmp_path / "plain.jpg", xmp=packet)
    assert open_picture(tmp_path / "plain.jpg").metadata.lost == ()
