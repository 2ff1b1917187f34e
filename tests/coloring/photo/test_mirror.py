"""Pictures and results in buckets: the bytes of a folder here, a manifest beside them, nothing made twice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pyvips

from buckets import bucket_served
from tinct.coloring.photo.batch import colorize_files
from tinct.coloring.photo.mirror import Mirror, mirrored_results
from tinct.coloring.photo.row import Row
from tinct.coloring.photo.status import read_manifest
from tinct.coloring.settings import PhotoSettings
from tinct.errors import OutputError, SettingError
from tinct.remote import file_system


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with bucket_served(monkeypatch) as address:
        yield address


@pytest.fixture
def album(tmp_path: Path, camera_png: Path, chelsea_png: Path) -> Path:
    folder = tmp_path / "album"
    (folder / "deep").mkdir(parents=True)
    camera = pyvips.Image.new_from_file(str(camera_png))
    for index, name in enumerate(("0.jpg", "1 é.png", "deep/2.tif", "deep/3.jpg")):
        camera.resize(0.1 + 0.02 * index).write_to_file(str(folder / name))
    shutil.copy(chelsea_png, folder / "cat.png")
    (folder / "torn.jpg").write_bytes((folder / "0.jpg").read_bytes()[:300])
    return folder


@pytest.fixture
def settings(tiny_model: Path) -> PhotoSettings:
    return PhotoSettings(model=tiny_model, runtime="onnxruntime", compare=True, threads=2)


def sent(album: Path, address: str) -> str:
    system, path = file_system(address)
    for file in sorted(album.rglob("*")):
        if file.is_file():
            system.put_file(str(file), f"{path}/{file.relative_to(album)}")
    return address


def contents(address: str) -> dict[str, bytes]:
    system, path = file_system(address)
    found = {name.removeprefix(f"{path}/"): system.cat_file(name) for name in system.find(path)}
    return {name: content for name, content in found.items() if not name.startswith(".")}


def statuses(rows: list[Row]) -> dict[str, str]:
    return {Path(str(row.source)).name: row.status for row in rows}


def test_a_bucket_gets_the_bytes_of_a_folder_and_a_manifest(
    bucket: str, album: Path, tmp_path: Path, settings: PhotoSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = sent(album, f"{bucket}/in"), f"{bucket}/out"
    here = colorize_files([album], output=tmp_path / "here", recursive=True, settings=settings)
    there = colorize_files([source], output=out, recursive=True, settings=settings)
    assert statuses(there) == statuses(here)
    assert sorted(statuses(there).values()) == ["colorized"] * 4 + ["failed", "skipped"]
    expected = {
        str(path.relative_to(tmp_path / "here")): path.read_bytes()
        for path in (tmp_path / "here").rglob("[!.]*")
        if path.is_file() and ".tinct" not in path.parts
    }
    assert len(expected) == 8
    assert contents(out) == expected
    assert f"{source}/deep/3.jpg" in {row.source for row in there}
    assert f"{out}/deep/3_color_sheet.jpg" in {row.sheet for row in there}
    failed = next(row for row in there if row.status == "failed")
    assert f"{source}/torn.jpg" in failed.message
    assert "mirror" not in failed.message
    with mirrored_results(out) as (folder, told):
        records = {record.source: (record.status, told(record.target or "")) for record in read_manifest(folder)}
    assert records[f"{source}/0.jpg"] == ("colorized", f"{out}/0_color.jpg")
    assert {Path(name).name: status for name, (status, _) in records.items()} == statuses(there)

    fetched: list[str] = []
    fetch = Mirror.fetch
    monkeypatch.setattr(Mirror, "fetch", lambda self, path: (fetched.append(path.name), fetch(self, path))[1])
    again = colorize_files([source], output=out, recursive=True, settings=replace(settings, compare=False))
    assert statuses(again)["0.jpg"] == statuses(again)["3.jpg"] == "exists"
    assert sorted(fetched) == ["manifest.sqlite", "torn.jpg"]
    shutil.copy(album / "1 é.png", album / "0.jpg")
    sent(album, source)
    updating = replace(settings, compare=False, update=True)
    anew = colorize_files([source], output=out, recursive=True, settings=updating)
    assert [name for name, status in statuses(anew).items() if status == "colorized"] == ["0.jpg"]


def test_interrupted_it_goes_on_where_it_stopped(bucket: str, album: Path, settings: PhotoSettings) -> None:
    source, out = sent(album, f"{bucket}/in"), f"{bucket}/out"

    def stop(row: Row, done: int, total: int) -> None:
        if row.status == "colorized":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        colorize_files([source], output=out, recursive=True, settings=replace(settings, threads=1), on_row=stop)
    before = contents(out)
    assert 2 <= len(before) < 8
    rows = colorize_files([source], output=out, recursive=True, settings=replace(settings, compare=False))
    assert list(statuses(rows).values()).count("exists") == len([name for name in before if "sheet" not in name])
    after = contents(out)
    assert len([name for name in after if "sheet" not in name]) == 4
    assert {name: after[name] for name in before} == before


def test_a_bucket_that_is_not_there_is_said_before_any_work_and_never_made(
    bucket: str, album: Path, settings: PhotoSettings
) -> None:
    missing = f"{bucket}-missing"
    for inputs, output in (([album], f"{missing}/out"), ([f"{missing}/in"], bucket), ([missing], bucket)):
        with pytest.raises(OutputError, match=f"there is no bucket {missing[5:]}; check its name"):
            colorize_files(inputs, output=output, settings=settings)
    assert not file_system(bucket)[0].exists(missing)
    assert colorize_files([album / "0.jpg"], output=f"{bucket}/new/", settings=settings)[0].status == "colorized"


def test_one_end_may_be_here_and_the_other_in_memory(album: Path, tmp_path: Path, settings: PhotoSettings) -> None:
    pytest.importorskip("fsspec")
    plain = replace(settings, compare=False)
    colorize_files([album], output=tmp_path / "here", settings=plain)
    colorize_files([album], output="memory://archive/out", settings=plain)
    names = ["0_color.jpg", "1 é_color.png"]
    assert {name: contents("memory://archive/out")[name] for name in names} == {
        name: (tmp_path / "here" / name).read_bytes() for name in names
    }
    sent(album, "memory://archive/in")
    colorize_files(["memory://archive/in/*.jpg"], output=tmp_path / "back", settings=plain)
    assert (tmp_path / "back" / names[0]).read_bytes() == (tmp_path / "here" / names[0]).read_bytes()
    rows = colorize_files(["memory://archive/in/0.jpg"], output="memory://archive/one.jpg", settings=plain)
    assert rows[0].target == "memory://archive/one.jpg"
    assert contents("memory://archive")["one.jpg"] == (tmp_path / "here" / names[0]).read_bytes()
    assert {record.source for record in read_manifest(tmp_path / "back")} == {
        "memory://archive/in/0.jpg",
        "memory://archive/in/torn.jpg",
    }


def test_what_cannot_be_is_said(settings: PhotoSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    for inputs, output, words in (
        (["memory://in"], None, "name one with -o"),
        (["https://example.org/a.jpg"], "out", "cannot be listed"),
        (["memory://in/../secret"], "out", "contains .."),
    ):
        with pytest.raises(SettingError, match=words):
            colorize_files(inputs, output=output, settings=settings)
    monkeypatch.setattr("tinct.coloring.photo.mirror.file_system", lambda address: (_Refusing(), address))
    with pytest.raises(OutputError, match="s3://nowhere/in: cannot be read or written"):
        colorize_files(["s3://nowhere/in"], output="out", settings=settings)


class _Refusing:
    def isdir(self, path: str) -> bool:
        raise PermissionError("Access Denied")
