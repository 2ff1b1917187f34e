"""Pictures and results in buckets (`s3://`, `gs://` and others that fsspec knows), handled like files on this machine.

A mirror is a folder of this machine in which every file of a bucket has a stand-in at the same path: a sparse file of
the same size and date, which takes no disk space. Planning, the manifest and a second run then work as for a folder of
files, without the pixels: a worker fetches one picture, colorizes it, sends the result, and leaves stand-ins again. So
a run needs disk space only for the pictures being processed, and about 0.3 KB for each file's inode.

    MIRROR/s3/bucket/in/a.jpg              stands for  s3://bucket/in/a.jpg
    MIRROR/s3/bucket/out/.tinct/manifest.sqlite        is sent to  s3://bucket/out/.tinct/manifest.sqlite
"""

from __future__ import annotations

import glob
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tinct.coloring.photo.manifest import Seen, look, manifest_file
from tinct.coloring.photo.plan import EXTRAS, extra_path
from tinct.coloring.photo.row import Outcome, Row, known
from tinct.coloring.photo.verdict import Step
from tinct.coloring.settings import PhotoSettings
from tinct.errors import OutputError, SettingError, TinctError, UnreadableError, one_line
from tinct.media.image.formats import PICTURE_SUFFIXES, WRITABLE
from tinct.remote import file_system, is_address, is_http

SEND_EVERY = 60.0  # seconds after which a copy of the manifest is sent to the bucket again
_BUCKETS = ("s3://", "s3a://", "gs://", "gcs://", "az://", "abfs://")  # addresses that begin with a bucket's name
_DATES = ("LastModified", "mtime", "updated", "modified", "last_modified", "created")  # fsspec's keys for it
_ODD = tuple(suffix for suffix in PICTURE_SUFFIXES if suffix not in WRITABLE)  # content decides the result's suffix


@dataclass(frozen=True)
class Mirror:
    """A folder of stand-ins; see above."""

    folder: Path

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Mirror]:
        """Create an empty mirror in the folder for temporary files (`TMPDIR`), and delete it after the block."""
        with tempfile.TemporaryDirectory(prefix="tinct-mirror-", ignore_cleanup_errors=True) as folder:
            yield cls(Path(folder))

    def place(self, given: str | Path) -> str:
        """Return the stand-in of an address; a path stays as it is."""
        if not is_address(given):
            return str(given)
        protocol, _, rest = str(given).partition("://")
        parts = rest.split("/")
        if ".." in parts or "\0" in rest:
            raise SettingError(f"{given}: contains ..; give an address without it")
        return str(Path(self.folder, protocol, *parts)) + ("/" if rest.endswith("/") else "")

    def address(self, place: str | Path) -> str:
        """Return the address that a stand-in stands for; any other path stays as it is."""
        text = os.path.abspath(place)  # noqa: PTH100 - links are not followed
        if not text.startswith(f"{self.folder}{os.sep}"):
            return str(place)
        protocol, _, rest = text[len(str(self.folder)) + 1 :].replace(os.sep, "/").partition("/")
        return f"{protocol}://{rest}"

    def told(self, text: str) -> str:
        """Return a message with addresses instead of stand-ins."""
        pieces = text.split(f"{self.folder}{os.sep}")
        named = [piece.replace(os.sep, "/").replace("/", "://", 1) for piece in pieces[1:]]
        return "".join([pieces[0], *named])

    def taken(self, outcome: Outcome) -> Outcome:
        """Take over a worker's outcome, perhaps from another machine: make its stand-ins, put addresses in messages."""
        for path, facts in outcome.made if isinstance(outcome, Sent) else ():
            stand_in(path, facts)
        return replace(outcome, row=replace(outcome.row, message=self.told(outcome.row.message)))

    def named(self, path: Path) -> str:
        """Return the name of a picture in the manifest: its address, or its absolute path."""
        return self.address(path) if self.holds(path) else os.path.abspath(path)  # noqa: PTH100

    def row(self, row: Row) -> Row:
        """Return a row with addresses instead of stand-ins; its message has them already."""
        paths = {name: getattr(row, name) for name in ("source", "target", "sheet", "confidence")}
        told: dict[str, Any] = {
            name: self.address(path) for name, path in paths.items() if path is not None and self.holds(path)
        }
        return replace(row, **told)

    def holds(self, path: Path) -> bool:
        """Check whether a path lies in this mirror."""
        return self.address(path) != str(path)

    def fill(self, address: str, *, deep: bool) -> None:
        """Make stand-ins for the files that an address names: a file, those matching a pattern, or a folder's.

        Args:
            address: of a file or folder, or a pattern.
            deep: whether to include subfolders.

        Raises:
            SettingError: the kind of address is unknown, or it is http(s), which cannot be listed.
            OutputError: the bucket cannot be listed.
        """
        if is_http(address):
            raise SettingError(f"{address}: pictures at http(s) addresses cannot be listed; download them first")
        system, path = file_system(address)
        protocol = address.partition("://")[0]
        with _told_of(address):
            if glob.has_magic(path):
                listed = system.glob(path, detail=True)
            elif system.isdir(path):
                listed = system.find(path, maxdepth=None if deep else 1, detail=True)
                Path(self.place(address)).mkdir(parents=True, exist_ok=True)
            else:
                listed = {path: system.info(path)} if system.exists(path) else {}
            if not listed:
                _check_bucket(system, address, path)
        for name, info in listed.items():
            if info.get("type") == "file" and not name.endswith("/"):
                plain = system._strip_protocol(name).lstrip("/")
                stand_in(Path(self.place(f"{protocol}://{plain}")), _facts(info))

    def fetch_odd(self, given: Iterable[str]) -> None:
        """Fetch the pictures whose content decides their results' suffixes, such as raw files."""
        for address in given:
            top = Path(self.place(address))
            for path in [top] if top.is_file() else top.rglob("*"):
                if path.suffix.lower() in _ODD and path.is_file():
                    self.fetch(path)

    def fetch(self, path: Path) -> None:
        """Fetch a file from the bucket in place of its stand-in, with its date.

        Raises:
            OutputError: it cannot be fetched.
        """
        address = self.address(path)
        system, name = file_system(address)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _told_of(address):
            facts = _facts(system.info(name))
            system.get_file(name, str(path))
        os.utime(path, ns=(facts.modified, facts.modified))

    def send(self, path: Path, *, content: Path | None = None) -> Seen:
        """Send a file of the mirror, or the `content` of another, to its address; return its size and date there.

        Raises:
            OutputError: it cannot be sent.
        """
        address = self.address(path)
        system, name = file_system(address)
        with _told_of(address):
            if not address.startswith(_BUCKETS):  # a bucket has no folders, and would itself be created if missing
                system.makedirs(name.rpartition("/")[0], exist_ok=True)
            system.put_file(str(content or path), name)
            return _facts(system.info(name))

    def results(self, address: str) -> None:
        """Make stand-ins for existing results, and fetch their manifest."""
        self.fill(address, deep=True)
        manifest = manifest_file(self.place(address))
        if manifest.is_file():
            manifest.unlink()
            self.fetch(manifest)

    @contextmanager
    def keeping(self, folder: Path) -> Iterator[Callable[[], None]]:
        """Send the manifest of a folder of results at the end, and now and then when the yielded function is called."""
        if not self.holds(folder):
            yield lambda: None
            return
        manifest = manifest_file(folder)
        last = time.monotonic()

        def now_and_then() -> None:
            nonlocal last
            if time.monotonic() - last > SEND_EVERY:
                self._send_copy(manifest)
                last = time.monotonic()

        try:
            yield now_and_then
        finally:
            if manifest.exists():
                self._send_copy(manifest)

    def _send_copy(self, manifest: Path) -> None:
        """Send a consistent copy of a manifest that may be written to meanwhile."""
        whole = manifest.with_name("copy.sqlite")
        with closing(sqlite3.connect(manifest)) as base, closing(sqlite3.connect(whole)) as copy:
            base.backup(copy)
        self.send(manifest, content=whole)
        whole.unlink()


@dataclass(frozen=True)
class Sent(Outcome):
    """What became of a step, and the files sent to a bucket with their size and date there."""

    made: tuple[tuple[Path, Seen], ...] = ()


@dataclass(frozen=True)
class MirrorWorker:
    """Does a step with pictures and results of a mirror, through `work`, which handles only files."""

    mirror: Mirror
    work: Callable[[Step], Outcome]
    settings: PhotoSettings

    def __call__(self, step: Step) -> Outcome:
        """Do a step; every failure becomes a row. Files that were fetched or sent become stand-ins again afterwards."""
        job = step.job
        outcome = known(step, self.settings)
        if outcome is not None or job.target is None:
            return outcome or self.work(step)
        paths = {path for path in (job.source, job.target) if self.mirror.holds(path)}
        start = time.perf_counter()
        made: dict[Path, Seen] = {}
        try:
            for path in paths:
                if path == job.source or (path.exists() and self.settings.compare):
                    self.mirror.fetch(path)
            before = _look(_outputs(job.target))
            outcome = self.work(step)
            after = _look(_outputs(job.target))
            changed = [path for path, seen in after.items() if before.get(path) != seen and self.mirror.holds(path)]
            # The result comes last, so that everything is there if it is.
            for path in sorted(changed, key=lambda path: path == job.target):
                made[path] = self.mirror.send(path)
        except TinctError as error:
            for path in _outputs(job.target):
                if path not in made and self.mirror.holds(path):
                    path.unlink(missing_ok=True)
            outcome = Outcome(step, Row(job.source, None, "failed", str(error), seconds=time.perf_counter() - start))
        for path, facts in made.items():
            stand_in(path, facts)
        for path in paths - set(made):
            if (seen := look(path)) is not None:
                stand_in(path, seen)
        return Sent(outcome.step, outcome.row, outcome.picture, tuple(made.items()))


def stand_in(path: Path, facts: Seen) -> None:
    """Put a sparse file of this size and date at a path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(facts.size)
    os.utime(path, ns=(facts.modified, facts.modified))


def _outputs(target: Path) -> list[Path]:
    return [target, *(extra_path(target, extra) for extra in EXTRAS)]


def _look(paths: Iterable[Path]) -> dict[Path, tuple[int, int, int]]:
    seen = {}
    for path in paths:
        with suppress(FileNotFoundError):
            facts = path.stat()
            seen[path] = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
    return seen


def _facts(info: Mapping[str, Any]) -> Seen:
    """Return what a bucket says of a file; the time is 0 if it is unknown."""
    date = next((info[name] for name in _DATES if info.get(name) is not None), 0)
    if isinstance(date, str):
        date = datetime.fromisoformat(date)
    seconds = date.timestamp() if isinstance(date, datetime) else float(date)
    return Seen(int(info.get("size") or 0), round(seconds * 1000) * 1_000_000)


def _check_bucket(system: Any, address: str, path: str) -> None:
    """Check that the bucket of an address exists; OutputError if not."""
    bucket = path.strip("/").partition("/")[0]
    if address.startswith(_BUCKETS) and not system.exists(bucket):
        raise OutputError(f"{address}: there is no bucket {bucket}; check its name, create it, or name another")


@contextmanager
def _told_of(address: str) -> Iterator[None]:
    """Turn the errors of a bucket into one that names the address."""
    try:
        yield
    except TinctError:
        raise
    except FileNotFoundError as error:
        raise OutputError(f"{address}: no longer exists; run again") from error
    except Exception as error:  # each kind of bucket has errors of its own
        reason = one_line(error) or type(error).__name__
        message = f"{address}: cannot be read or written ({reason:.200}); check the address, credentials and network"
        raise OutputError(message) from error


@contextmanager
def mirrored_results(folder: str | Path) -> Iterator[tuple[str, Callable[[str], str]]]:
    """Yield a local folder with the manifest of a folder or address, and a function that corrects paths in messages."""
    if not is_address(folder):
        yield str(folder), str
        return
    with Mirror.opened() as mirror:
        mirror.results(str(folder))
        place = mirror.place(folder)
        if not manifest_file(place).is_file():
            raise UnreadableError(
                f"{folder}: has no manifest; folders written by  tinct colorize FOLDER -o {folder}  have one"
            )
        yield place, mirror.told
