"""Work that is disturbed: what is run, what it runs on, and what must hold whatever happened to it."""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
import tarfile
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyvips

from coloring.film.films import film_of, texture
from faults.launcher import Ended, Launcher
from media.video import clips
from photographs import photograph, write_picture
from tinct.coloring.photo.manifest import PLACE, manifest_file

UNFINISHED = (".tinct-part", ".tinct-work", ".part", "-journal", "-wal", "-shm")
PICTURES = 14


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder, or of one file."""
    files = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder.parent)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@dataclass
class Work:
    """One kind of work.

    Attributes:
        inputs: what it reads, which must stay as it is.
        out: what it writes: a file or a folder, which must not be there before.
        arguments: of `tinct`.
        truth: what an undisturbed run made.
    """

    inputs: Path
    out: Path
    arguments: list[object]
    before: dict[str, str] = field(default_factory=dict)
    truth: Any = None

    modules: tuple[str, ...] = ("onnxruntime", "pyvips")

    def begin(self, launcher: Launcher) -> None:
        """Run it once undisturbed, and keep what it made."""
        self.before = digests(self.inputs)
        self.done(launcher.run(*self.arguments))
        self.truth = self.made()

    def going_on(self) -> list[object]:
        """Return the arguments that go on with it."""
        return self.arguments

    def done(self, ended: Ended) -> None:
        assert (ended.code, ended.err) == (0, "")

    def made(self) -> Any:
        """Return what is there of its results, whole ones only."""
        raise NotImplementedError

    def check(self) -> None:
        """Check what must hold at any moment: nothing half, nothing wrong, inputs untouched."""
        assert digests(self.inputs) == self.before
        made = self.made()
        assert {name: made[name] == self.truth[name] for name in made} == dict.fromkeys(made, True)

    def check_end(self, launcher: Launcher) -> None:
        """Check what must hold once it is done: everything there, and nothing else."""
        assert digests(self.inputs) == self.before
        assert self.made() == self.truth
        left = [str(path) for path in self.out.parent.rglob("*") if path.name.endswith(UNFINISHED)]
        assert left == []

    def remove(self) -> None:
        """Remove what it made."""
        for path in sorted(self.out.rglob("*"), reverse=True) if self.out.is_dir() else ():
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        if self.out.is_dir():
            self.out.rmdir()
        self.out.unlink(missing_ok=True)


def check_manifest(work: Work, launcher: Launcher) -> None:
    """The manifest knows of every result, and of nothing else."""
    base = sqlite3.connect(manifest_file(work.out))
    assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    base.close()
    rows = launcher.run("status", work.out, "--json").rows
    found = {str(Path(row["target"]).relative_to(work.out)): row["status"] for row in rows}
    assert found == dict.fromkeys(work.truth, "colorized")


class Batch(Work):
    """A folder of photographs."""

    modules = ("onnxruntime", "pyvips", "tinct.coloring.photo.batch", "tinct.coloring.photo.status")

    @classmethod
    def of(cls, folder: Path, model: Path, *, size: int = 200) -> Batch:
        album = folder / "album"
        rng = np.random.default_rng(5)
        camera = photograph("camera")
        for index in range(PICTURES):
            top, left = (int(value) for value in rng.integers(0, 512 - size, 2))
            write_picture(album / ("sub" if index % 3 else "") / f"{index:02}.png", camera[top:, left:][:size, :size])
        out = folder / "out"
        options = ["--model", model, "--runtime", "onnxruntime", "--threads", 2, "--json"]
        return cls(album, out, ["colorize", album, "-r", "-o", out, *options])

    def made(self) -> dict[str, str]:
        results = {}
        for path in sorted(self.out.rglob("*_color.png")):
            pyvips.Image.new_from_file(str(path), fail_on="warning").avg()
            results[str(path.relative_to(self.out))] = hashlib.sha256(path.read_bytes()).hexdigest()
        return results

    def check(self) -> None:
        super().check()
        others = [path for path in self.out.rglob("*") if path.is_file() and path.parent.name != PLACE]
        strange = [path.name for path in others if not path.name.endswith(("_color.png", ".tinct-part"))]
        assert strange == []

    def check_end(self, launcher: Launcher) -> None:
        check_manifest(self, launcher)
        super().check_end(launcher)


class Film(Work):
    """One film of two parts with sound."""

    modules = ("onnxruntime", "pyvips", "av", "tinct.coloring.film.colorize")

    @classmethod
    def of(cls, folder: Path, model: Path, *, frames: int = 280) -> Film:
        silent = clips.write_clip(
            folder / "silent.mkv",
            codec="ffv1",
            frames=frames,
            planes=lambda number: (texture(number, seed=1 + number // 56),),
            times=clips.uneven,
            time_base=Fraction(1, 1000),
        )
        film = clips.add_tracks(silent, folder / "film.mkv", sounds=[("aac", "deu")], seconds=frames / 25)
        silent.unlink()
        out = folder / "films" / "out.mkv"
        out.parent.mkdir()
        options = ["--codec", "ffv1", "--model", model, "--runtime", "onnxruntime", "--threads", 2, "--json"]
        return cls(film, out, ["video", film, "-o", out, *options])

    def made(self) -> dict[str, Any]:
        if not self.out.exists():
            return {}
        return {kind: clips.packets_of(self.out, kind) for kind in ("video", "audio")}

    def check_end(self, launcher: Launcher) -> None:
        super().check_end(launcher)
        assert [path.name for path in self.out.parent.iterdir()] == [self.out.name]


class Films(Work):
    """A folder of short films, one of them below."""

    modules = (*Film.modules, "tinct.coloring.film.many", "tinct.coloring.photo.status")

    @classmethod
    def of(cls, folder: Path, model: Path) -> Films:
        reels = folder / "reels"
        (reels / "below").mkdir(parents=True)
        for number, name in enumerate(("a\n\u202eb.mkv", "c.mkv", "below/d.mkv")):
            film_of(reels / name, 40, seed=number)
        out = folder / "out"
        options = ["--codec", "ffv1", "--model", model, "--runtime", "onnxruntime", "--threads", 2, "--json"]
        return cls(reels, out, ["video", reels, "-r", "-o", out, *options])

    def made(self) -> dict[str, Any]:
        films = sorted(self.out.rglob("*_color.mkv"))
        return {str(path.relative_to(self.out)): clips.packets_of(path, "video") for path in films}

    def check_end(self, launcher: Launcher) -> None:
        check_manifest(self, launcher)
        super().check_end(launcher)


class Preparation(Work):
    """A dataset of photographs."""

    modules = ("pyvips", "cv2", "tinct.data.prepare")

    @classmethod
    def of(cls, folder: Path, photos: Path) -> Preparation:
        out = folder / "dataset"
        return cls(photos, out, ["prepare", photos, "-o", out, "--val", 0.2])

    def done(self, ended: Ended) -> None:
        assert ended.code == 0, ended.err

    def made(self) -> dict[str, Any]:
        """A dataset is there with its card, and then all of it."""
        if not (self.out / "dataset.json").is_file():
            return {}
        names: dict[str, Any] = {"dataset.json": (self.out / "dataset.json").read_text()}
        for path in sorted(self.out.glob("*.tar")):
            with tarfile.open(path) as tar:
                names[path.name] = [(member.name, member.size) for member in tar]
        return names


class TrainingRun(Work):
    """A training of a few epochs, the same each time; what it knows is its table of epochs and its last state."""

    modules = ("torch", "lightning.pytorch", "tinct.learn.train", "tinct.learn.doctor.colorization")

    @classmethod
    def of(cls, folder: Path, photos: Path, *, epochs: int = 5, workers: int = 0) -> TrainingRun:
        out = folder / "run"
        options = ["--network", "tinct", "--option", "widths=[8,16,24]", "--option", "blocks=[0,1,1]", "--bins", 8]
        options += ["--batch-size", 8, "--crop", 64, "--workers", workers, "--precision", "float32", "--decay", 0]
        options += ["--val", 0.2, "--devices", "cpu"]
        return cls(photos, out, ["train", photos, "--out", out, "--epochs", epochs, *options])

    def going_on(self) -> list[object]:
        return [*self.arguments, "--resume"] if (self.out / "config.json").exists() else self.arguments

    def done(self, ended: Ended) -> None:
        assert ended.code == 0, ended.err

    def made(self) -> list[int]:
        """The epochs in its table."""
        file = self.out / "metrics.csv"
        if not file.is_file():
            return []
        with file.open(newline="") as stream:
            return [int(row["epoch"]) for row in csv.DictReader(stream) if row.get("val_loss")]

    def check(self) -> None:
        assert digests(self.inputs) == self.before
        epochs = self.made()
        assert epochs == self.truth[: len(epochs)]
        last = self.out / "checkpoints" / "last.ckpt"
        if last.is_file():
            import torch

            from tinct.learn.run import finished_epochs

            state = torch.load(last, map_location="cpu", weights_only=False)
            assert 0 < finished_epochs(state) <= len(self.truth)


class StudyRun(Work):
    """A study of two arms, each trained for some epochs."""

    modules = (*TrainingRun.modules, "tinct.study.arms", "tinct.cli.study")

    @classmethod
    def of(cls, folder: Path, photos: Path) -> StudyRun:
        recipe, out = folder / "two.toml", folder / "study"
        recipe.write_text(TWO_ARMS)
        return cls(photos, out, ["study", recipe, "--data", photos, "--out", out, "--json"])

    def done(self, ended: Ended) -> None:
        assert ended.code == 0, ended.err
        assert [row.get("arm") for row in ended.rows] == ["a", "b", None]

    def made(self) -> dict[str, Any]:
        """What each finished arm measured; but for how long it took, the same each time."""
        found = {}
        for file in sorted(self.out.glob("arms/*/seed-*/evaluation.json")):
            metrics = json.loads(file.read_text())["metrics"]["val"]
            found[file.parent.parent.name] = {name: round(value, 2) for name, value in metrics.items() if value}
        return found

    def check_end(self, launcher: Launcher) -> None:
        super().check_end(launcher)
        assert (self.out / "report.html").is_file()


TWO_ARMS = """
title = "t"
question = "q"
[shared]
network = "flat"
options = { width = 4 }
epochs = 3
workers = 0
batch_size = 8
crop = 32
[[arms]]
name = "a"
bins = 8
[[arms]]
name = "b"
task = "regression"
[evaluation]
pictures = 4
train_pictures = 2
"""


def grey_png() -> bytes:
    return bytes(cv2.imencode(".png", photograph("camera")[:300, :400, 0])[1])
