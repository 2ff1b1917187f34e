"""Ctrl-C and SIGTERM, full and read-only disks, a second run, files that change: told in words, nothing lost."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.conftest import ROUNDS
from faults.launcher import Launcher, send
from faults.works import Batch, Film, Films, Preparation, Work
from tinct.coloring.photo.manifest import PLACE
from tinct.files import locked

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and disks of POSIX")
KINDS = ("batch", "film", "films", "preparation")


@pytest.fixture
def make(tmp_path: Path, tiny_model: Path, photo_folder: Path) -> Callable[[str], Work]:
    def one(kind: str) -> Work:
        if kind == "batch":
            return Batch.of(tmp_path, tiny_model)
        if kind == "films":
            return Films.of(tmp_path, tiny_model)
        return Film.of(tmp_path, tiny_model) if kind == "film" else Preparation.of(tmp_path, photo_folder)

    return one


def elsewhere(work: Work, folder: Path) -> None:
    """Let the work write into another folder."""
    out = folder / work.out.name
    work.arguments = [out if value == work.out else value for value in work.arguments]
    work.out = out


def finish(work: Work, launcher: Launcher) -> None:
    work.done(launcher.run(*work.going_on()))
    work.check_end(launcher)


@pytest.mark.parametrize("kind", KINDS if ROUNDS else ("preparation",))  # of the others, tests of their verbs
def test_told_to_stop(launcher: Launcher, make: Callable[[str], Work], kind: str) -> None:
    work = make(kind)
    started = time.monotonic()
    work.begin(launcher)
    whole = time.monotonic() - started
    stops = 0
    for number in (signal.SIGINT, signal.SIGTERM) * (max(1, ROUNDS // 2)):
        work.remove()
        ended = launcher.stopped(*work.arguments, number=number, after=whole * 0.5)
        work.check()
        if ended.code:
            assert ended.code == 128 + number
            *_, line = ended.err.splitlines()
            assert line.startswith("tinct: stopped; ")
            assert "kept" in line
            assert "Traceback" not in ended.err
            stops += 1
            finish(work, launcher)
    assert stops or not ROUNDS


@pytest.mark.parametrize(
    ("kind", "kilobytes"),
    [
        ("batch", 300),
        pytest.param("film", 250, marks=pytest.mark.slow),  # as tests/cli/test_video.py, with a limit instead of a disk
        ("films", 100),
        ("preparation", 150),
    ],
)
def test_a_full_disk(
    launcher: Launcher,
    make: Callable[[str], Work],
    small_disk: Callable[[str], Path],
    kind: str,
    kilobytes: int,
) -> None:
    work = make(kind)
    disk = small_disk(f"size={kilobytes}k")
    work.begin(launcher)
    elsewhere(work, disk)
    ended = launcher.run(*work.arguments)
    assert ended.code == 1
    assert "cannot be" in ended.err + ended.out
    assert "Traceback" not in ended.err
    work.check()
    small_disk("size=20m")
    finish(work, launcher)


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_is_read_only(
    launcher: Launcher, make: Callable[[str], Work], small_disk: Callable[[str], Path], kind: str
) -> None:
    work = make(kind)
    disk = small_disk("size=4m")
    small_disk("ro")
    elsewhere(work, disk)
    ended = launcher.run(*work.arguments)
    assert ended.code == 1
    assert "cannot be" in ended.err + ended.out
    assert "Traceback" not in ended.err
    assert list(disk.iterdir()) == []


def test_a_second_run_is_refused(launcher: Launcher, make: Callable[[str], Work]) -> None:
    work = make("preparation")
    work.out.mkdir()
    with locked(work.out / ".lock", target=work.out):
        ended = launcher.run(*work.arguments)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"tinct: {work.out}: another run is writing it; wait for it\n"
    assert [path.name for path in work.out.iterdir()] == [".lock"]


def test_files_that_change_and_vanish(launcher: Launcher, tmp_path: Path, tiny_model: Path) -> None:
    """The row of each says what became of it, the manifest too; put back, they are made with --update."""
    work = Batch.of(tmp_path, tiny_model)
    work.begin(launcher)
    work.remove()
    files = sorted(work.inputs.rglob("*.png"))
    kept = {path: path.read_bytes() for path in files}
    pid = launcher.begin(*work.arguments)
    changing = threading.Thread(target=change, args=(files,))
    while not work.made():  # what is to be done is known then
        time.sleep(0.005)
    changing.start()
    ended = launcher.end()
    changing.join()
    send(pid, signal.SIGKILL)
    assert "Traceback" not in ended.err
    rows = {Path(row["source"]).name: row["status"] for row in ended.rows}
    assert len(rows) == len(files)
    assert set(rows.values()) <= {"colorized", "failed"}
    shown = {Path(row["source"]).name: row["status"] for row in launcher.run("status", work.out, "--json").rows}
    assert shown == rows
    half = [path.name for path in work.out.rglob("*.tinct-part") if path.parent.name != PLACE]
    assert half == []
    for path, content in kept.items():
        path.write_bytes(content)
    again = launcher.run(*work.arguments, "--update")
    assert (again.code, again.err) == (0, "")
    work.check_end(launcher)


def change(files: list[Path]) -> None:
    """Remove some files and cut others short while they are read."""
    for number, path in enumerate(reversed(files)):
        if number % 3 == 0:
            path.unlink()
        elif number % 3 == 1:
            path.write_bytes(path.read_bytes()[:1000])
        time.sleep(0.02)
