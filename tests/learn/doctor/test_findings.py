"""From what was measured to what is said: stuck, or only slower."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from tinct.learn.doctor.about_training import _fine
from tinct.learn.doctor.changes import ChangeFacts, suspects
from tinct.learn.doctor.findings import Diagnosis, Finding, in_order, percent
from tinct.learn.doctor.trials import Trial
from tinct.learn.recognize.augment import Augmentation


def trial(right, losses):
    return Trial(tuple(losses), np.arange(100) < right, 0.5, (), False, 2)


def examination(asked, *, helps=()):
    """Give what `_fine` looks at, of a training in which plain statistics are right in 95 of 100."""
    return SimpleNamespace(
        reference=np.arange(100) < 95,
        chance=0.5,
        failing=True,
        telling=True,
        asked=asked,
        test=SimpleNamespace(names=("colors",), accuracies=(0.95,)),
        setups={"another network": SimpleNamespace(network="color_first")},
        helps=lambda name: trial(93, [0.2]) if name in helps else None,
    )


def test_what_does_not_learn_at_all_is_told_from_what_is_only_slow():
    (stuck,) = _fine(examination(trial(50, [0.69, 0.69])))
    assert (stuck.kind, stuck.level) == ("data-are-fine", "fair")
    (alone,) = _fine(examination(trial(50, [0.69, 0.69]), helps=["another network"]))
    assert alone.level == "serious"  # nothing but another network helps
    assert "color_first" in alone.evidence[-1]
    (slow,) = _fine(examination(trial(70, [2.0, 1.5])))
    assert (slow.kind, slow.sure) == ("slower-than-statistics", False)
    assert "more passes" in slow.evidence[-1]
    (ended,) = _fine(examination(trial(70, [1.5, 1.49])))
    assert ended.sure


def test_what_no_change_costs_alone_is_laid_to_those_that_change_colours():
    together, hue, light = (
        ChangeFacts("all", 1.0, 0.9, 0.002),
        ChangeFacts("hue", 1.0, 0.94, 0.03),
        ChangeFacts("brightness", 1.0, 0.99, 1.0),
    )
    assert suspects([together, hue, light], Augmentation(hue=0.5)) == ["hue"]
    assert suspects([together, ChangeFacts("grey", 1.0, 0.5, 0.0), light], Augmentation(grey=1.0)) == ["grey"]
    assert suspects([], Augmentation()) == []


def test_findings_know_their_level_and_shares_are_short():
    rows = [Finding("stuck", 45, "", [], ""), Finding("unscaled-input", 95, "", [], "", sure=False)]
    assert [row.level for row in in_order(rows)] == ["serious", "fair"]
    assert Finding("x", 10, "", [], "").level == "note"
    assert (percent(0.985), percent(1), percent(0.1201)) == ("98.5 %", "100 %", "12 %")
    assert Diagnosis("", {}, "", [], rows).to_json()["findings"][1]["level"] == "serious"
