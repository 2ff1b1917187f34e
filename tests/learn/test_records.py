"""What a training says of itself at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("lightning")

from tinct.learn.records import last_accuracies

HEAD = "epoch,train_accuracy_bins,val_accuracy_bins,train_accuracy_10,val_accuracy_10"
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
