"""What is said and drawn of how a training went."""

from __future__ import annotations

import cv2
import pytest

pytest.importorskip("lightning")

from tinct.learn.curves import draw_losses, worse_than_grey

HEAD = "epoch,step,train_loss,val_loss,val_chroma_error,val_grey_error"


@pytest.mark.parametrize(("last", "worse"), [("0.12", True), ("0.1", True), ("0.0999", False), ("", False)])
def test_a_network_worse_than_grey_in_its_last_epoch_is_told(tmp_path, last, worse):
    (tmp_path / "metrics.csv").write_text(f"{HEAD}\n0,5,3,3.1,0.3,0.1\n1,10,2,2.2,{last},0.1\n")
    told = worse_than_grey(tmp_path)
    assert (told is not None) == worse
    assert not worse or f"chroma error {float(last):.4g} in validation, 0.1 for grey" in told


def test_a_training_that_came_to_no_epoch_has_no_word_and_no_drawing(tmp_path):
    assert worse_than_grey(tmp_path) is None
    assert draw_losses(tmp_path) is None


@pytest.mark.parametrize("rows", ["0,5,3,3.1,0.3,0.1\n1,10,2,2.2,0.2,0.1\n", "0,5,3,,,\n"])
def test_losses_are_drawn_with_and_without_validation(tmp_path, rows):
    (tmp_path / "metrics.csv").write_text(f"{HEAD}\n{rows}")
    assert cv2.imread(str(draw_losses(tmp_path))).std() > 10
