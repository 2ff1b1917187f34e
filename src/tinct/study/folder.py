"""A study's folder.

recipe.toml             as it was run
study.json              what was planned and on what, versions and machine
bins.json               the colours that every arm's pictures are counted in
baselines/NAME/         evaluation of the grey picture and of the mean colour
arms/ARM/seed-N/        a training's run, with model.onnx, exported.json (how that was made), trained.json, cost.json,
                        evaluation.json, comparisons.npz
report.html             for people, all in one file
figures/ tables/        what is in it: PNG and SVG, CSV and JSON
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tinct.color.bins import ColorBins
from tinct.data.pictures import Picture, find_pictures
from tinct.errors import DataError, SettingError
from tinct.files import written_beside
from tinct.learn.run import Training
from tinct.study.evaluate import GREY, MEAN_COLOR
from tinct.study.measured import EVALUATION_FILE, Measured
from tinct.study.recipe import Arm, slug

FORMAT = 1
STUDY_FILE, BINS_FILE = "study.json", "bins.json"
MODEL_FILE, TRAINED_FILE, COST_FILE, EXPORTED_FILE = "model.onnx", "trained.json", "cost.json", "exported.json"
BASELINES = (GREY, MEAN_COLOR)


@dataclass(frozen=True)
class Study:
    """A study's folder, opened.

    Attributes:
        path: the folder.
        record: what study.json holds.
    """

    path: Path
    record: dict[str, Any]

    @classmethod
    def open(cls, path: str | Path) -> Study:
        """Read a study's record.

        Raises:
            DataError: the folder is no study, or a newer tinct's.
        """
        file = Path(path) / STUDY_FILE
        if not file.is_file():
            raise DataError(f"{path}: no study (it has no {STUDY_FILE}); give the folder that --out named")
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            number = int(record["format"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{file}: damaged ({error!r}); give another --out") from error
        if number > FORMAT:
            raise DataError(f"{file}: written by a newer tinct; run  pip install --upgrade tinct")
        return cls(Path(path), record)

    def save(self) -> None:
        """Write study.json."""
        with written_beside(self.path / STUDY_FILE) as partial:
            partial.write_text(json.dumps(self.record, indent=1, ensure_ascii=False), encoding="utf-8")

    @property
    def arms(self) -> list[Arm]:
        """What is compared, in the recipe's order."""
        return [Arm(**arm) for arm in self.record["arms"]]

    @property
    def seeds(self) -> list[int]:
        """Of the trainings."""
        return [int(seed) for seed in self.record["seeds"]]

    def arm(self, name: str) -> Arm:
        """Look up an arm by name."""
        return next(arm for arm in self.arms if arm.name == name)

    def training(self, arm: Arm, seed: int) -> Training:
        """Give the training that an arm takes."""
        return Training.from_json(self.record["trainings"][arm.of or arm.name][str(seed)])

    def folder(self, arm: Arm, seed: int) -> Path:
        """Where an arm is."""
        return self.path / "arms" / arm.folder / f"seed-{seed}"

    def run(self, arm: Arm, seed: int) -> Path:
        """Where the training that an arm takes is."""
        return self.path / "arms" / slug(arm.of or arm.name) / f"seed-{seed}"

    def model(self, arm: Arm, seed: int) -> Path:
        """The model file that an arm's pictures are made with: its own, or that of the arm whose training it takes."""
        of = self.arm(arm.of) if arm.of else arm
        same = all(arm.evaluation.get(key) == of.evaluation.get(key) for key in ("unweigh", "checkpoint"))
        return (self.run(arm, seed) if same else self.folder(arm, seed)) / MODEL_FILE

    def working_size(self, arm: Arm, seed: int) -> int:
        """The size at which an arm's network looks: as the recipe says, or that of its training pictures."""
        training = self.training(arm, seed)
        return int(arm.evaluation.get("size") or max(32, round(training.crop * training.zoom**0.5 / 16) * 16))

    def baseline(self, name: str) -> Path:
        """Where a baseline's evaluation is."""
        return self.path / "baselines" / slug(name)

    def evaluated(self, arm: Arm, seed: int) -> bool:
        """Whether an arm is finished, and as it is planned now."""
        file = self.folder(arm, seed) / EVALUATION_FILE
        if not file.is_file():
            return False
        try:
            done = json.loads(file.read_text(encoding="utf-8"))["settings"]
        except (ValueError, KeyError):
            return False
        return bool(done == self.evaluation_settings(arm, seed))

    def evaluation_settings(self, arm: Arm, seed: int) -> dict[str, Any]:
        """Give all that an arm's evaluation hangs on, as plain JSON values."""
        training = self.training(arm, seed).to_json()
        made = {**arm.evaluation, "size": self.working_size(arm, seed)}
        values = {"made": made, "measured_on": {**self.measured_on(), "data": self.record["data"]["digest"]}}
        plain: dict[str, Any] = json.loads(json.dumps({**values, "training": training}))
        return plain

    def measured_on(self) -> dict[str, Any]:
        """Say which pictures are measured, as plain JSON values."""
        values = {key: self.record[key] for key in ("pictures", "train_pictures", "by")}
        if keys := self.record.get("train_keys"):
            values["train_keys"] = hashlib.sha256(" ".join(keys).encode()).hexdigest()
        return values

    def train_pictures(self, dataset: str | Path, *, limit: int, seed: int = 0) -> list[Picture]:
        """Draw training pictures: of those that all arms learn from, where the study has chosen such."""
        keys = self.record.get("train_keys")
        if limit < 1 or not keys:
            return find_pictures(dataset, split="train", limit=limit, seed=seed) if limit else []
        drawn = set(keys if limit >= len(keys) else random.Random(seed).sample(keys, limit))
        return [picture for picture in find_pictures(dataset, split="train") if picture.name in drawn]

    def measured(self, arm: Arm, seed: int) -> Measured:
        """Read an arm's evaluation."""
        return Measured.load(self.folder(arm, seed))

    def finished(self, arm: Arm) -> list[int]:
        """The seeds with which an arm is finished."""
        return [seed for seed in self.seeds if self.evaluated(arm, seed)]

    def curve(self, arm: Arm, seed: int) -> dict[str, list[float]]:
        """Read a training's metrics.csv: column -> its figures, nan where there is none."""
        file = self.run(arm, seed) / "metrics.csv"
        try:
            with file.open(newline="", encoding="utf-8") as stream:
                rows = list(csv.DictReader(stream))
        except OSError as error:
            raise DataError(f"{file}: cannot be read ({error.strerror}); run the study again") from error
        names = list(rows[0]) if rows else []
        return {name: [float(row[name]) if row[name] else float("nan") for row in rows] for name in names}

    def bins(self) -> ColorBins:
        """The bins in which all arms' colours are counted."""
        return ColorBins.from_card(read_json(self.path / BINS_FILE)["bins"])


def check_same(run: Path, planned: Training) -> None:
    """Refuse to go on with a training that was begun with other settings.

    Raises:
        SettingError: naming them.
    """
    from tinct.learn.run import Run

    begun = Run.open(run).training
    if planned.learning_rate == "auto":
        begun = replace(begun, learning_rate="auto")
    before, now = asdict(begun), asdict(planned)
    if changed := [f"{name} {before[name]!r}, now {now[name]!r}" for name in before if before[name] != now[name]]:
        raise SettingError(
            f"{run}: was begun with other settings ({'; '.join(changed)}); give another --out, or delete that folder"
        )


def read_json(file: Path) -> dict[str, Any]:
    """Read one of a study's JSON files.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: missing or damaged ({error}); run the study again") from error
    return values


def write_json(file: Path, values: Any) -> None:
    """Write one of a study's JSON files."""
    with written_beside(file) as partial:
        partial.write_text(json.dumps(values, indent=1, ensure_ascii=False), encoding="utf-8")
