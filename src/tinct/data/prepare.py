"""Making a dataset that a training can stream from folders of photographs: WebDataset tar shards.

A dataset is a folder:

    dataset.json          settings, shards with their counts, categories
    train-000000.tar ...  KEY.jpg and KEY.json (source, category, name, width, height, colourfulness) per photograph
    val-000000.tar ...
    rejected.csv          path and reason of photographs left out or cropped
    rejected.jpg          some of those left out for their colours, to look at
    ledger.sqlite         the state from which an interrupted preparation goes on
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2

from tinct.color.statistics import colorfulness
from tinct.data.duplicates import KINDS, fingerprint
from tinct.data.ledger import Ledger, Photo
from tinct.data.pictures import SPLITS, TEST, divide_pictures
from tinct.data.screening import KEPT_KINDS, SMALLEST_SIDE, Picture, crop_frame, draw_rejected, find_frame, grey_reason
from tinct.data.shards import DATASET_FILE, FORMAT
from tinct.errors import DataError, SettingError, UnreadableError
from tinct.files import locked, make_folder, not_written, written_beside
from tinct.media.image.small import read_small
from tinct.parallel import counted, ordered_map
from tinct.stopping import kept_if_stopped, kept_in

JPEG_QUALITY = 95


@dataclass(frozen=True)
class PreparedDataset:
    """The result of a preparation: a folder, and numbers of photographs.

    Attributes:
        path: the dataset's folder.
        train: for training.
        val: for validation.
        rejected: left out.
        cropped: accepted without their frame.
        duplicates: left out as copies of another photograph: the same file, recompressed, or mirrored.
        test: for testing, if the folders have such.
    """

    path: Path
    train: int
    val: int
    rejected: int
    cropped: int
    duplicates: int = 0
    test: int = 0


def prepare(
    sources: Sequence[str | Path],
    target: str | Path,
    *,
    size: int = 256,
    val: float = 0.1,
    seed: int = 0,
    categories: Sequence[str] | None = None,
    shard_size: int = 500,
    keep: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> PreparedDataset:
    """Make a dataset from folders of photographs.

    Photographs are shrunk to `size` (Lanczos), and frames are cut off. A folder's own splits (subfolders train, val and
    test, see `tinct.data.pictures.own_splits`) are kept; other folders are split at random. Unreadable, near-grey,
    toned, tiny and duplicate photographs (mirrored copies too) are left out and listed in `rejected.csv`. Called again
    after an interruption, it goes on; memory does not grow with the number of photographs.

    Args:
        sources: folders, searched to any depth; a photograph's source is its folder's name, its category the name of
            the first subfolder (empty for photographs in the folder itself).
        target: the dataset's folder; made if missing.
        size: longer edge in pixels, at least 64.
        val: share of photographs for validation, 0..0.5, in folders that have none for that themselves.
        seed: of order and split.
        categories: take only these subfolders.
        shard_size: photographs examined for each shard.
        keep: accept these, too: `near-grey`, `toned`.
        progress: called with (done, total) after each photograph.

    Returns:
        The folder, and numbers of photographs.

    Raises:
        SettingError: an option is out of range, or differs from that of an interrupted preparation.
        DataError: no photographs were found, or all were left out.
        OutputError: another preparation is at work in the folder, or it cannot be written.
    """
    _check(sources, size=size, val=val, shard_size=shard_size, keep=keep)
    folder = Path(target)
    _check_there(sources, categories)
    make_folder(folder)
    with (
        _one_at_a_time(folder),
        closing(Ledger(folder / "ledger.sqlite")) as ledger,
        kept_if_stopped(lambda: kept_in(folder, f"{ledger.done()} photographs are")),
    ):
        kept = {"keep": sorted(keep)} if keep else {}  # a preparation that an older tinct began can go on
        settings = {"size": size, "val": val, "seed": seed, "categories": categories, "shard_size": shard_size, **kept}
        _begin(ledger, sources, folder, **settings)
        total = sum(ledger.remaining(split) for split in SPLITS)
        for _ in counted(_write_shards(ledger, folder, shard_size, size, keep), total, progress):
            pass
        return _finish(ledger, folder, size=size, val=val, seed=seed)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Lock other preparations out of a dataset's folder, and report errors of the disk or the ledger."""
    try:
        with locked(folder / ".lock", target=folder):
            yield
    except sqlite3.DatabaseError as error:
        raise not_written(folder / "ledger.sqlite", error, what="read or written") from error
    except OSError as error:
        raise not_written(folder, error) from error


def prepared_from(dataset: str | Path) -> list[str]:
    """Return the absolute paths of the folders from which a dataset was made."""
    with closing(Ledger(Path(dataset) / "ledger.sqlite")) as ledger:
        places: list[str] = json.loads(ledger.setting("settings") or "{}").get("sources", [])
    return places


def _check(sources: Sequence[str | Path], *, size: int, val: float, shard_size: int, keep: Sequence[str]) -> None:
    for kind in keep:
        if kind not in KEPT_KINDS:
            raise SettingError(f"only {' and '.join(KEPT_KINDS)} photographs can be kept, not '{kind}'")
    if size < SMALLEST_SIDE:
        raise SettingError(f"size must be at least {SMALLEST_SIDE} pixels, not {size}")
    if not 0 <= val <= 0.5:
        raise SettingError(f"val must lie in 0..0.5, not {val}")
    if shard_size < 1:
        raise SettingError(f"shard size must be at least 1, not {shard_size}")
    for source in sources:
        if not Path(source).is_dir():
            raise DataError(f"{source}: no such folder of photographs")


def _check_there(sources: Sequence[str | Path], categories: Sequence[str] | None) -> None:
    """Check that the folders have photographs, and the categories, before anything is made."""
    where = ", ".join(str(source) for source in sources)
    photos = _find(sources, None, val=0, seed=0)
    if categories is None:
        present = {category for *_, category, _ in islice(photos, 1)}
    else:
        present = {category for *_, category, _ in photos}
    if not present:
        raise DataError(f"no photographs found in {where}; name folders that hold some")
    if missing := [name for name in categories or () if name not in present]:
        names = ", ".join(sorted(name for name in present if name)) or "none: no subfolders"
        raise DataError(f"{where}: no category '{missing[0]}' with photographs in it; there are {names}")


def _begin(ledger: Ledger, sources: Sequence[str | Path], folder: Path, **settings: Any) -> None:
    """Enter the photographs into the ledger; check that an earlier preparation had the same settings."""
    wanted = json.dumps({"sources": [str(Path(source).resolve()) for source in sources], **settings}, sort_keys=True)
    before = ledger.setting("settings")
    if before is not None and before != wanted:
        raise SettingError(
            f"{folder} was begun with other settings ({before}); give the same, or another folder for the new dataset"
        )
    # Photographs added since an earlier preparation are entered too; those known already stay where they are.
    photos = _find(sources, settings["categories"], val=settings["val"], seed=settings["seed"])
    ledger.enlist(photos, seed=settings["seed"])
    ledger.note("settings", wanted)


def _find(
    sources: Sequence[str | Path], categories: Sequence[str] | None, *, val: float, seed: int
) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield (path, name, source, category, split) of every picture file in the sources."""
    for source in sources:
        root = Path(source).resolve()
        prefix = f"{root.name}/"
        for split, picture in divide_pictures(root, val=val, seed=seed, prefix=prefix):
            if not categories or picture.category in categories:
                name = prefix + Path(picture.name).as_posix()
                yield str(picture.path), name, root.name, picture.category, split


def _write_shards(ledger: Ledger, folder: Path, shard_size: int, size: int, keep: Sequence[str]) -> Iterator[Photo]:
    for split in SPLITS:
        while photos := ledger.next_photos(split, shard_size):
            yield from _write_shard(ledger, folder, split, photos, size=size, keep=keep)


def _write_shard(
    ledger: Ledger, folder: Path, split: str, photos: list[Photo], *, size: int, keep: Sequence[str]
) -> Iterator[Photo]:
    """Write one shard and note it; yield each photograph as it is done."""
    number = ledger.next_shard(split)
    accepted: list[Photo] = []
    path = folder / f"{split}-{number:06d}.tar"
    partial = path.with_suffix(".tar.part")
    try:
        with tarfile.open(partial, "w") as tar:
            for photo in ordered_map(lambda item: _load(item, size=size, keep=keep), photos):
                if photo.reason is None:
                    photo.reason = ledger.twin(photo, accepted)
                if photo.reason is None:
                    accepted.append(photo)
                    _add(tar, photo)
                photo.jpeg = b""
                yield photo
        if accepted:
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    ledger.settle(photos, number)


def _add(tar: tarfile.TarFile, photo: Photo) -> None:
    card = {
        "source": photo.source,
        "category": photo.category,
        "name": Path(photo.path).name,
        "width": photo.width,
        "height": photo.height,
        "colorfulness": round(photo.colorfulness, 1),
        "sha256": photo.content,
    }
    for suffix, content in (("jpg", photo.jpeg), ("json", json.dumps(card).encode())):
        entry = tarfile.TarInfo(f"{photo.id:08d}.{suffix}")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))


def _load(photo: Photo, *, size: int, keep: Sequence[str]) -> Photo:
    """Read one photograph, shrink it, cut off its frame, judge it, and fill in its fields."""
    try:
        content = Path(photo.path).read_bytes()
        photo.content = hashlib.sha256(content).hexdigest()
        picture = read_small(content, longest=size, name=photo.path)
    except (OSError, UnreadableError) as error:
        photo.reason = f"unreadable ({error})"
        return photo
    whole = picture.size
    photo.reason = _too_small(photo, picture)
    if photo.reason is None and (frame := find_frame(picture)).present:
        picture = crop_frame(picture, frame)
        photo.frame = f"cropped: a frame of {asdict(frame)}"
        photo.reason = "mostly frame or of one colour" if picture.size < whole / 2 else _too_small(photo, picture)
    if photo.reason is None and (reason := grey_reason(picture)) and not reason.startswith(tuple(keep)):
        photo.reason = reason
    if photo.reason is None:
        photo.fingerprint = fingerprint(picture)
        photo.mirrored = fingerprint(picture, mirrored=True)
        photo.jpeg = _encode(picture)
        photo.colorfulness = colorfulness(picture)
    return photo


def _too_small(photo: Photo, picture: Picture) -> str | None:
    photo.height, photo.width = picture.shape[:2]
    return f"too small ({photo.width}x{photo.height})" if min(picture.shape[:2]) < SMALLEST_SIDE else None


def _encode(picture: Picture) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR]
    options.append(cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    return encoded.tobytes()


def _finish(ledger: Ledger, folder: Path, *, size: int, val: float, seed: int) -> PreparedDataset:
    rejected = cropped = duplicates = 0
    with written_beside(folder / "rejected.csv") as partial, partial.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "reason"])
        for path, reason in ledger.notes():
            rows.writerow([path, reason])
            cropped += reason.startswith("cropped")
            rejected += not reason.startswith("cropped")
            duplicates += reason.startswith(tuple(f"{kind} duplicate" for kind in KINDS))
    draw_rejected(ledger.notes(), folder / "rejected.jpg")
    shards = {split: _list_shards(ledger, folder, split) for split in SPLITS}
    if not shards[TEST]:
        del shards[TEST]  # only folders with test pictures of their own have any
    counts = {split: sum(shard["count"] for shard in listed) for split, listed in shards.items()}
    if counts["train"] == 0:
        raise DataError(f"no photograph is suitable for training; {folder / 'rejected.csv'} says why")
    card = {
        "format": FORMAT,
        "size": size,
        "val": val,
        "seed": seed,
        "shards": shards,
        "counts": counts,
        "categories": [
            {"split": split, "source": source, "category": category, "count": count}
            for split, source, category, count in ledger.categories()
        ],
    }
    with written_beside(folder / DATASET_FILE) as partial:
        partial.write_text(json.dumps(card, indent=1), encoding="utf-8")
    return PreparedDataset(folder, counts["train"], counts["val"], rejected, cropped, duplicates, counts.get(TEST, 0))


def _list_shards(ledger: Ledger, folder: Path, split: str) -> list[dict[str, Any]]:
    """Describe the shards of a split: file, number of photographs, and the SHA-256 by which a download is checked."""
    listed = []
    for number, count in ledger.shards(split):
        path = folder / f"{split}-{number:06d}.tar"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        listed.append({"file": path.name, "count": count, "sha256": digest})
    return listed
