"""Weights by which negatives are told are fitted to photographs and their inverses."""

import sys

import numpy as np

from photographs import COLORED, photograph, write_picture
from tinct.coloring.photo.negative import _weights
from tinct.learn import negatives


def test_weights_part_photographs_from_their_inverses():
    rng = np.random.default_rng(2)
    differences = rng.normal(0, 1, (200, 6))
    differences[:, 0] += 4
    weights = negatives.fit(differences)
    assert (differences @ weights < 0).mean() > 0.98


def test_a_folder_becomes_a_file_of_weights_as_long_as_the_shipped(tmp_path, monkeypatch):
    for name in COLORED[:3]:
        write_picture(tmp_path / "in" / f"{name}.png", photograph(name)[::2, ::2])
    (tmp_path / "in" / "note.txt").write_text("no picture")
    target = tmp_path / "weights.npy"
    monkeypatch.setattr(sys, "argv", ["negatives", str(tmp_path / "in"), "-o", str(target)])
    negatives.main()
    assert np.load(target).shape == _weights().shape
    assert np.load(target).any()
