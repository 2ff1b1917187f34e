"""Write corpus/: small made files of every kind that is read, to begin from. Run:  python tests/fuzz/make_corpus.py

Beside them lie what once broke a reader, under names that begin with `once`.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pyvips

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

from fuzz.targets import BOUNDARY, TINY, manifest_bytes, place  # noqa: E402
from media.video import clips  # noqa: E402
from tinct.runtime.classifier import ClassifierCard  # noqa: E402
from tinct.runtime.modelfile import card_of, open_graph, read_card  # noqa: E402


def pictures() -> dict[str, bytes]:
    """Return a picture of 16 x 12 pixels in each format, with all that describes it where the format has room."""
    y, x = np.mgrid[:12, :16]
    grey = (90 + 6 * x + 3 * y).astype(np.uint8)
    image = pyvips.Image.new_from_array(grey, interpretation="b-w").copy()
    image.set_type(pyvips.GValue.blob_type, "xmp-data", b'<x:xmpmeta><rdf:RDF tiff:Orientation="6"/></x:xmpmeta>')
    image.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Make", "A (A, ASCII, 2 components, 2 bytes)")
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    made = {}
    for name, options in {
        "plain.jpg": {"Q": 80}, "plain.png": {}, "deflate.tif": {"compression": "deflate", "tile": True},
        "lzw.tif": {"compression": "lzw", "bigtiff": True}, "plain.webp": {"lossless": True}, "plain.gif": {},
        "plain.avif": {"compression": "av1"},
    }.items():  # fmt: skip
        kind = Path(name).suffix
        made[name] = image.write_to_buffer(f".{'heif' if kind == '.avif' else kind[1:]}", **options)
    for suffix in (".bmp", ".pgm", ".jp2"):  # JPEG 2000 is not written smaller
        made[f"plain{suffix}"] = bytes(cv2.imencode(suffix, np.tile(grey, (6, 4)) if suffix == ".jp2" else grey)[1])
    return made


def film(name: str, **options: object) -> bytes:
    path = place() / name
    clips.write_clip(path, frames=2, size=(32, 24), planes=lambda number: (np.full((24, 32), 90 + number, np.uint8),),
                     time_base=Fraction(1, 25), rate=Fraction(25), **options)  # fmt: skip
    return path.read_bytes()


def part(name: str, content: bytes, file: str = "") -> bytes:
    named = f'; filename="{file}"' if file else ""
    return BOUNDARY + f'\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


def shard(picture: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for suffix, content in (("jpg", picture), ("json", b'{"name": "a.jpg", "source": "s", "category": ""}')):
            entry = tarfile.TarInfo(f"00000001.{suffix}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def array() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.arange(12, dtype=np.float32).reshape(3, 4))
    return stream.getvalue()


def cards() -> dict[str, bytes]:
    classifier = TINY.with_name("tiny_classifier.onnx")
    second = card_of(open_graph(classifier, optimize=False), classifier, kind=ClassifierCard)
    return {"colorizer.json": read_card(TINY).to_json().encode(), "classifier.json": second.to_json().encode()}


def corpora() -> dict[str, dict[str, bytes]]:
    """Return name and bytes of each file, by target."""
    files = pictures()
    hints = [
        {"x": 1, "y": 2, "color": "#b03020"},
        {"points": [[1, 2], [3, 4]], "color": "#abc", "unit": "percent", "width": 2, "canvas": [9, 9], "frame": 1},
    ]
    card = {"format": 1, "size": 64, "shards": {"train": [{"file": "a.tar", "count": 1, "sha256": ""}], "val": []}}
    recipe = (HERE.parent.parent / "recipes" / "bins.toml").read_bytes()
    options = part("size", b"64") + part("hints", b"1,2=#abc") + part("recolor", b"true") + part("format", b"png")
    end = BOUNDARY + b"--\r\n"
    return {
        "image": files,
        "tags": {name: files[name] for name in ("deflate.tif", "lzw.tif")},
        "video": {"mpeg4.mp4": film("a.mp4", codec="mpeg4"), "ffv1.mkv": film("a.mkv", codec="ffv1"),
                  "mjpeg.avi": film("a.avi", codec="mjpeg", form="yuvj420p")},
        "card": cards(),
        "model": {"tiny.onnx": TINY.with_name("tiny_chroma.onnx").read_bytes()},
        "recipe": {"bins.toml": recipe},
        "manifest": {"one.sqlite": manifest_bytes()},
        "hints": {"plain.json": json.dumps(hints).encode(), "lines.txt": b"10,20=#b03020\n1%,2% 3%,4%=#abc",
                  "painted.png": bytes(cv2.imencode(".png", np.full((8, 8, 4), 200, np.uint8))[1])},
        "shard": {"one.tar": shard(files["plain.jpg"])},
        "array": {"one.npy": array()},
        "dataset": {"dataset.json": json.dumps(card).encode()},
        "multipart": {"photo.bin": part("file", files["plain.png"], "a.png") + options + end,
                      "name.bin": part("file", b"x", "../../a\\x00.png") + end},
    }  # fmt: skip


if __name__ == "__main__":
    for target, files in corpora().items():
        for name, content in files.items():
            path = HERE / "corpus" / target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            print(path.relative_to(HERE), len(content))
