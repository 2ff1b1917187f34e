"""What is colorized and where it goes, decided before anything is done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import pyvips

from tinct.coloring.photo.plan import extra_path, plan_jobs
from tinct.errors import SettingError


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (
        "a.jpg",
        "b.PNG",
        "notes.txt",
        ".hidden.jpg",
        "c[1].tif",
        "sub/a.jpg",
        "sub/deep/d.webp",
        ".git/e.png",
    ):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return Path("album")


def pairs(*arguments: str, output: str | None = None, recursive: bool = False) -> list[tuple[str, str]]:
    jobs = plan_jobs(arguments, output=output, recursive=recursive)
    assert not [job for job in jobs if job.status]
    return [(job.source.as_posix(), job.target.as_posix() if job.target else "") for job in jobs]


def test_folder(album: Path) -> None:
    assert pairs("album") == [
        ("album/a.jpg", "album/a_color.jpg"),
        ("album/b.PNG", "album/b_color.PNG"),
        ("album/c[1].tif", "album/c[1]_color.tif"),
    ]


def test_folder_with_subfolders_is_mirrored(album: Path) -> None:
    assert pairs("album", output="out", recursive=True) == [
        ("album/a.jpg", "out/a_color.jpg"),
        ("album/b.PNG", "out/b_color.PNG"),
        ("album/c[1].tif", "out/c[1]_color.tif"),
        ("album/sub/a.jpg", "out/sub/a_color.jpg"),
        ("album/sub/deep/d.webp", "out/sub/deep/d_color.webp"),
    ]


def test_patterns_files_and_folders_mixed_each_once(album: Path) -> None:
    inputs = (
        "album/*.jpg",
        "album/a.jpg",
        "./album/a.jpg",
        "album/sub",
        "album/c[1].tif",
        str(album.absolute() / "a.jpg"),
    )
    assert [source for source, _ in pairs(*inputs)] == ["album/a.jpg", "album/sub/a.jpg", "album/c[1].tif"]
    assert len(pairs("album/**/*")) == 5


def test_one_file_to_a_file_or_a_folder(album: Path) -> None:
    assert pairs("album/a.jpg", output="x.png") == [("album/a.jpg", "x.png")]
    assert pairs("album/a.jpg", output="x") == [("album/a.jpg", "x/a_color.jpg")]
    assert pairs("album/a.jpg", output="x.png/") == [("album/a.jpg", "x.png/a_color.jpg")]
    Path("there.d").mkdir()
    assert pairs("album/a.jpg", output="there.d") == [("album/a.jpg", "there.d/a_color.jpg")]


def test_kinds_that_cannot_be_written_become_others(album: Path, camera_png: Path) -> None:
    picture = pyvips.Image.new_from_file(str(camera_png))
    picture.write_to_file("scan.gif")
    picture.write_to_file("bare.jpg")
    Path("bare.jpg").rename("bare")
    Path("empty.bmp").touch()
    assert pairs("scan.gif", "bare", "empty.bmp") == [
        ("scan.gif", "scan_color.png"),
        ("bare", "bare_color.jpg"),
        ("empty.bmp", "empty_color.png"),
    ]
    Path("scan_color.png").touch()
    assert pairs("scan*") == [("scan.gif", "scan_color.png")]


def test_own_results_are_not_sources(album: Path) -> None:
    before = pairs("album", recursive=True)
    for _, target in before:
        Path(target).touch()
        for extra in ("sheet", "confidence"):
            extra_path(Path(target), extra).touch()
    assert pairs("album", recursive=True) == before
    inside = pairs("album", output="album/sub/results", recursive=True)
    for _, target in inside:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).touch()
    assert pairs("album", output="album/sub/results", recursive=True) == inside


def test_own_result_named_alone_is_skipped_and_said(album: Path) -> None:
    Path("album/a_color.jpg").touch()
    (job,) = plan_jobs(["album/a_color.jpg"])
    assert (job.status, job.target) == ("skipped", Path("album/a_color_color.jpg"))
    assert "result of a.jpg" in job.message
    Path("album/lone_color.jpg").touch()  # of this one nothing says that tinct made it
    assert pairs("album/lone_color.jpg") == [("album/lone_color.jpg", "album/lone_color_color.jpg")]


def test_what_is_not_there_fails_alone(album: Path) -> None:
    Path("empty").mkdir()
    jobs = plan_jobs(["gone.jpg", "album/a.jpg", "empty", "*.xyz"])
    assert [(job.source.name, job.status) for job in jobs] == [
        ("gone.jpg", "failed"),
        ("a.jpg", ""),
        ("empty", "failed"),
        ("*.xyz", "failed"),
    ]
    assert jobs[0].message == "gone.jpg: no such file or folder"
    assert "add --recursive" in jobs[2].message


def test_of_two_pictures_with_one_result_the_later_one_fails_alone(album: Path) -> None:
    jobs = plan_jobs(["album/a.jpg", "album/sub/a.jpg", "album/b.PNG"], output="out")
    assert [job.status for job in jobs] == ["", "failed", ""]
    assert jobs[1].message.startswith("album/a.jpg and album/sub/a.jpg would both become out/a_color.jpg")


def test_empty_names_are_refused(album: Path) -> None:
    for inputs, output in (([""], None), (["album", ""], None), (["album"], "")):
        with pytest.raises(SettingError, match="empty name"):
            plan_jobs(inputs, output=output)


def test_a_file_that_was_named_always_has_a_row(album: Path) -> None:
    Path("album/a_color.jpg").touch()
    jobs = plan_jobs(["album/a.jpg", "album/a_color.jpg"])
    assert [(job.source.name, job.status) for job in jobs] == [("a.jpg", ""), ("a_color.jpg", "skipped")]
    assert "result of a.jpg" in jobs[1].message


def test_a_folder_that_cannot_be_read_fails_alone(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def closed(place: str) -> object:
        if Path(place).name == "sub":
            raise PermissionError(13, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", closed)
    jobs = plan_jobs(["album"], recursive=True)
    assert [(job.source.name, job.status) for job in jobs] == [
        ("a.jpg", ""),
        ("b.PNG", ""),
        ("c[1].tif", ""),
        ("sub", "failed"),
    ]
    assert "cannot be read (Permission denied)" in jobs[-1].message
    (job,) = plan_jobs(["album/sub"])
    assert job.status == "failed"


def test_results_never_replace_a_picture(album: Path) -> None:
    with pytest.raises(SettingError, match="replaced by its own result"):
        plan_jobs(["album/a.jpg"], output="album/../album/a.jpg")


@pytest.mark.parametrize("inputs", [["album"], ["album/a.jpg", "album/b.PNG"], ["album/*"]])
def test_one_file_for_several_pictures_is_refused(album: Path, inputs: list[str]) -> None:
    with pytest.raises(SettingError, match="name a folder"):
        plan_jobs(inputs, output="out.jpg")


def test_nothing_is_refused() -> None:
    with pytest.raises(SettingError, match="name at least one"):
        plan_jobs([])


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="needs symbolic links")
def test_broken_link_fails_alone(album: Path) -> None:
    Path("album/broken.jpg").symlink_to("nowhere.jpg")
    (job,) = plan_jobs(["album/broken.jpg"])
    assert job.status == "failed"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.gif")
    (job,) = plan_jobs([tmp_path / "pipe.gif"])
    assert (job.status, job.message.split(": ", 1)[1]) == (
        "failed",
        "is a pipe or a device, not a file; send its data to standard input, as -",
    )
