"""Refusing changes to pictures that destroy what a training is to learn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tinct.color.features import ColorFeatures
from tinct.color.inputs import ARRAY, without_color
from tinct.data.labelled import Loaded
from tinct.errors import SettingError
from tinct.learn.recognize.fit import Augmentation
from tinct.learn.recognize.folds import Fold
from tinct.learn.recognize.statistics import LOGISTIC, fit_head, measure_all

LOOKED_AT = 800  # pictures
# Colour separates the classes if its lead in accuracy is more than both: standard errors, and accuracy.
ERRORS, LEAD = 2.0, 0.05
WHAT = {
    "hue": "turns hues",
    "saturation": "changes saturation",
    "grey": "takes the colours of some pictures",
    "per_image": "takes each picture's own mean and contrast away",
}


@dataclass(frozen=True)
class Separation:
    """How well plain colour statistics tell the classes apart.

    Attributes:
        color: accuracy of a logistic regression on them.
        grey: the same on grey pictures, fitted to grey pictures.
        count: pictures both were measured on.
    """

    color: float
    grey: float
    count: int

    @property
    def by_color(self) -> bool:
        """Whether colours tell what grey pictures do not."""
        error = math.sqrt(max(0.25 / self.count, 1e-12))
        return self.color - self.grey > max(LEAD, ERRORS * error)


def separation(loaded: Loaded, fold: Fold, *, seed: int = 0) -> Separation:
    """Measure whether colour is what separates the classes.

    Args:
        loaded: pictures, no arrays.
        fold: fitted to its one part, measured on the other; of either some are enough.
        seed: of which.
    """
    random = np.random.default_rng(seed)
    train = random.permutation(fold.train)[:LOOKED_AT]
    val = random.permutation(fold.val)[: LOOKED_AT // 2]
    labels = loaded.labelled.labels
    features = ColorFeatures(space="lab", center=False)
    found = []
    for change in (lambda pixels: pixels, without_color):
        head = fit_head(
            LOGISTIC,
            measure_all(change(loaded.pixels[train]), features),
            labels[train],
            classes=len(loaded.labelled.classes),
            seed=seed,
        )
        named = head.logits(measure_all(change(loaded.pixels[val]), features)).argmax(axis=1)
        found.append(float((named == labels[val]).mean()))
    return Separation(found[0], found[1], len(val))


def check_augmentation(
    augmentation: Augmentation, loaded: Loaded, fold: Fold, *, force: bool = False, seed: int = 0
) -> str:
    """Refuse changes to training pictures that take away what separates the classes.

    Args:
        augmentation: the changes asked for.
        loaded: the pictures.
        fold: one fold of them.
        force: warn instead of refusing.
        seed: of the pictures that are looked at.

    Returns:
        A warning, or an empty text.

    Raises:
        SettingError: a change destroys the label, and `force` is not set; or colours of arrays were to be changed.
    """
    asked = augmentation.destroys_color
    if not asked:
        return ""
    if loaded.labelled.kind == ARRAY:
        if asked == ["per_image"]:
            return "per_image takes each array's own mean and spread away; if the level tells the class, it is lost"
        raise SettingError(f"arrays have no colours to change; leave out --augment {asked[0]}")
    found = separation(loaded, fold, seed=seed)
    what = " and ".join(f"--augment {name} {WHAT[name]}" for name in asked)
    if not found.by_color:
        return f"{what}; colour does not seem to separate the classes here, so this may be harmless"
    evidence = (
        f"{what}, and colour is what separates the classes: plain statistics are right in {100 * found.color:.0f} % "
        f"of the pictures, in {100 * found.grey:.0f} % without colour"
    )
    if not force:
        raise SettingError(f"{evidence}; leave it out, or add --force")
    return evidence
