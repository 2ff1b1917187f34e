"""A study's folder.

recipe.toml             as it was run
study.json              the plan, the dataset, versions and machine: a `Record`
bins.json               the colour bins in which every arm's pictures are counted
baselines/NAME/         evaluation of the grey picture and of the mean colour
arms/ARM/seed-N/        a training's run, with model.onnx, exported.json (its settings), trained.json, cost.json,
                        evaluation.json, comparisons.npz
report.html             for people, all in one file
figures/ tables/        the content of the report, as PNG and SVG, CSV and JSON
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tinct.color.bins import ColorBins
from tinct.data.pictures import Picture, find_pictures
from tinct.errors import DataError
from tinct.learn.records import METRICS, read_curves
from tinct.learn.settings import Training
from tinct.study.measure import EVALUATION_FILE, GREY, MEAN_COLOR, Measured, Summary
from tinct.study.plan import BUDGETS, Choices
from tinct.study.recipe import Arm, Recipe, slug
from tinct.study.values import read_json, write_json

FORMAT = 1
STUDY_FILE, BINS_FILE = "study.json", "bins.json"
MODEL_FILE, TRAINED_FILE, COST_FILE, EXPORTED_FILE = "model.onnx", "trained.json", "cost.json", "exported.json"
BASELINES = (GREY, MEAN_COLOR)


class Dataset(msgspec.Struct):
    """The dataset of a study."""

    place: str
    name: str  # for people
    digest: str  # SHA-256 of its card
    train: int  # number of training pictures
    val: int  # number of validation pictures


class Asked(Choices, frozen=True, kw_only=True):
    """What a person asked for when a study was begun; if the same is asked for again, the study keeps its plan.

    Attributes:
        recipe: SHA-256 of its text.
        arms: names of those that were chosen.
        data: SHA-256 of the dataset's card.
    """

    recipe: str
    arms: list[str]
    data: str

    @property
    def settled(self) -> Asked:
        """The same with the current budget of that name, so that a study keeps its plan if `BUDGETS` changes."""
        return msgspec.structs.replace(self, budget=BUDGETS.get(self.budget.name, self.budget))


class Record(Recipe, frozen=True, kw_only=True):
    """The content of study.json: the recipe as it was run, with the plan's numbers of pictures and seeds.

    Attributes:
        budget: its name.
        notes: what was reduced to fit the budget, in words.
        train_keys: names of the training pictures to measure on; None: draw them from the whole training split.
        trainings: arm -> seed -> its training.
        begun: time in UTC.
        finished: time in UTC; None if it is not finished.
        backbone: `name`, `file` and `sha256` of the backbone that judged all pictures; None: no backbone did.
    """

    format: int
    budget: str
    notes: list[str]
    data: Dataset
    trainings: dict[str, dict[int, Training]]
    versions: dict[str, str]
    machine: dict[str, Any]
    begun: str
    asked: Asked
    finished: str | None = None
    backbone: dict[str, str] | None = None
    train_keys: list[str] | None = None


class EvaluationSettings(msgspec.Struct):
    """What an arm's evaluation depends on."""

    made: dict[str, Any]  # how its pictures were made
    measured_on: dict[str, Any]  # which pictures
    training: Training


class Trained(msgspec.Struct):
    """The content of trained.json: how long a training took."""

    minutes: float
    steps: int
    epochs: int


class Exported(msgspec.Struct):
    """The content of exported.json: which weights of a training a model file has."""

    checkpoint: str
    unweigh: float


@dataclass(frozen=True)
class Study:
    """A study's folder, opened."""

    path: Path
    record: Record

    @classmethod
    def open(cls, path: str | Path) -> Study:
        """Read a study's record.

        Raises:
            DataError: the folder is not a study, is damaged, or was written by a newer tinct.
        """
        file = Path(path) / STUDY_FILE
        if not file.is_file():
            raise DataError(f"{path}: is not a study (it has no {STUDY_FILE}); give the folder that --out named")
        try:
            content = file.read_bytes()
            if msgspec.json.decode(content, type=dict[str, Any])["format"] > FORMAT:
                raise DataError(f"{file}: written by a newer tinct; run  pip install --upgrade tinct")
            return cls(Path(path), msgspec.json.decode(content, type=Record))
        except (OSError, KeyError, TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise DataError(f"{file}: damaged ({error}); give another --out") from error

    def save(self) -> None:
        """Write study.json."""
        write_json(self.path / STUDY_FILE, self.record)

    def noted(self, **changes: Any) -> Study:
        """Write study.json with some attributes of the record changed, and return the changed study."""
        study = Study(self.path, msgspec.structs.replace(self.record, **changes))
        study.save()
        return study

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms, in the recipe's order."""
        return self.record.arms

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the trainings."""
        return self.record.seeds

    def training(self, arm: Arm, seed: int) -> Training:
        """Return the training that an arm uses."""
        return self.record.trainings[arm.of or arm.name][seed]

    def folder(self, arm: Arm, seed: int) -> Path:
        """Return an arm's folder."""
        return self.path / "arms" / arm.folder / f"seed-{seed}"

    def run(self, arm: Arm, seed: int) -> Path:
        """Return the folder of the training that an arm uses."""
        return self.path / "arms" / slug(arm.of or arm.name) / f"seed-{seed}"

    def model(self, arm: Arm, seed: int) -> Path:
        """Return the model file of an arm: its own, or that of the arm whose training it uses."""
        of = self.record.arm(arm.of) if arm.of else arm
        same = self.exported(arm) == self.exported(of)
        return (self.run(arm, seed) if same else self.folder(arm, seed)) / MODEL_FILE

    def exported(self, arm: Arm) -> Exported:
        """Return which weights an arm's model file has."""
        given = arm.evaluation.given()
        return Exported(given.get("checkpoint", "last"), given.get("unweigh", 0.0))

    def working_size(self, arm: Arm, seed: int) -> int:
        """Return the working size of an arm: as the recipe says, or that of its training pictures."""
        size: int = arm.evaluation.given().get("size") or self.training(arm, seed).seen_size
        return size

    def baseline(self, name: str) -> Path:
        """Return the folder of a baseline."""
        return self.path / "baselines" / slug(name)

    def evaluated(self, arm: Arm, seed: int) -> Summary | None:
        """Read the summary of an arm's evaluation; None if it is missing, or was made with other settings."""
        try:
            summary = read_json(self.folder(arm, seed) / EVALUATION_FILE, Summary)
            done = msgspec.convert(summary.settings, EvaluationSettings)
        except (DataError, msgspec.ValidationError):
            return None
        return summary if done == self.evaluation_settings(arm, seed) else None

    def evaluation_settings(self, arm: Arm, seed: int) -> EvaluationSettings:
        """Return everything that an arm's evaluation depends on."""
        making = {**arm.evaluation.given(), "size": self.working_size(arm, seed)}
        measured_on = {**self.measured_on(), "data": self.record.data.digest}
        return EvaluationSettings(making, measured_on, self.training(arm, seed))

    def measured_on(self) -> dict[str, Any]:
        """Return which pictures are measured, as plain JSON values."""
        record = self.record
        values = {"pictures": record.pictures, "train_pictures": record.train_pictures, "by": record.by}
        if keys := record.train_keys:
            values["train_keys"] = hashlib.sha256(" ".join(keys).encode()).hexdigest()
        return values

    def train_pictures(self, dataset: str | Path, *, limit: int, seed: int = 0) -> list[Picture]:
        """Draw training pictures: from those that all arms learn from, if the study has chosen such."""
        keys = self.record.train_keys
        if limit < 1 or not keys:
            return find_pictures(dataset, split="train", limit=limit, seed=seed) if limit else []
        drawn = set(keys if limit >= len(keys) else random.Random(seed).sample(keys, limit))
        return [picture for picture in find_pictures(dataset, split="train") if picture.name in drawn]

    def measured(self, arm: Arm, seed: int) -> Measured:
        """Read an arm's evaluation."""
        return Measured.load(self.folder(arm, seed))

    def finished(self, arm: Arm) -> list[int]:
        """Return the seeds with which an arm is finished."""
        return [seed for seed in self.seeds if self.evaluated(arm, seed)]

    def trained(self, arm: Arm, seed: int) -> Trained:
        """Read how long the training of an arm took."""
        return read_json(self.run(arm, seed) / TRAINED_FILE, Trained)

    def curve(self, arm: Arm, seed: int) -> dict[str, list[float]]:
        """Read a training's metrics.csv: column -> its figures, NaN if there is none."""
        file = self.run(arm, seed) / METRICS
        curves = read_curves(file)
        if not curves:
            raise DataError(f"{file}: missing or empty; run the study again")
        return curves

    def bins(self) -> ColorBins:
        """Read the bins in which all arms' colours are counted."""
        return ColorBins.from_card(read_json(self.path / BINS_FILE, dict[str, Any])["bins"])
