"""What a training says and draws of itself at its end."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

pytest.importorskip("lightning")

from tinct.learn.records import draw_losses, last_accuracies, worse_than_grey

HEAD = "epoch,train_accuracy_bins,val_accuracy_bins,train_accuracy_10,val_accuracy_10"
LOSSES = "epoch,step,train_loss,val_loss,val_chroma_error,val_grey_error"
NEAR = "lie within 10 Lab units of the truth (CIE 1976)"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (
            f"{HEAD}\n0,0,0,0,0\n1,,,0.31,0.2849\n",
            [f"accuracy_10: of the valid pixels, 28.5 % in validation and 31.0 % in training {NEAR}"],
        ),
        (
            f"{HEAD}\n0,0.125,0.1,,0.2\n",
            [
                f"accuracy_10: of the valid pixels, 20.0 % in validation {NEAR}",
                "accuracy_bins: of the valid pixels, 10.0 % in validation and 12.5 % in training have the right bin as "
                "their likeliest",
            ],
        ),
        ("epoch,train_loss\n0,1\n", []),
        ("epoch,train_loss\n", []),
    ],
)
def test_accuracies_are_never_told_without_what_they_are_shares_of(table: str, told: list[str], tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(table)
    assert last_accuracies(tmp_path) == told


@pytest.mark.parametrize(("last", "worse"), [("0.12", True), ("0.1", True), ("0.0999", False), ("", False)])
def test_a_network_worse_than_grey_in_its_last_epoch_is_told(tmp_path, last, worse):
    (tmp_path / "metrics.csv").write_text(f"{LOSSES}\n0,5,3,3.1,0.3,0.1\n1,10,2,2.2,{last},0.1\n")
    told = worse_than_grey(tmp_path)
    assert (told is not None) == worse
    assert not worse or f"chroma error {float(last):.4g} in validation, 0.1 for grey" in told


def test_a_training_that_came_to_no_epoch_has_no_word_and_no_drawing(tmp_path):
    assert worse_than_grey(tmp_path) is None
    assert draw_losses(tmp_path) is None


@pytest.mark.parametrize("rows", ["0,5,3,3.1,0.3,0.1\n1,10,2,2.2,0.2,0.1\n", "0,5,3,,,\n"])
def test_losses_are_drawn_with_and_without_validation(tmp_path, rows):
    (tmp_path / "metrics.csv").write_text(f"{LOSSES}\n{rows}")
    assert cv2.imread(str(draw_losses(tmp_path))).std() > 10
