"""Wrong labels: found where they were made wrong, and not where they were not."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from tinct.cli import build
from tinct.errors import OutputError
from tinct.learn.recognize import labels
from tinct.learn.recognize.labels import confident_errors, find_wrong_labels
from tinct.study.report.label_page import write_label_report


@pytest.fixture(scope="module")
def found(mislabelled):
    return find_wrong_labels(mislabelled[0])


@pytest.fixture(scope="module")
def mislabelled(tmp_path_factory):
    """Three classes of 30 pictures by hue; `wrong` lie in the next class's folder."""
    folder, random = tmp_path_factory.mktemp("labels"), np.random.default_rng(5)
    wrong = {}
    for label in range(3):
        for index in range(30):
            hsv = np.empty((24, 24, 3), np.uint8)
            hsv[..., 0], hsv[..., 1], hsv[..., 2] = 30 + 15 * label, 160, random.integers(90, 220, (24, 24))
            filed = (label + 1) % 3 if index % 10 == 0 else label
            path = folder / "abc"[filed] / f"{label}_{index}.png"
            path.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(path), cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR))
            if filed != label:
                wrong[path] = "abc"[label]
    return folder, wrong


def test_wrong_labels_are_found_with_the_right_ones_and_no_others(mislabelled, found):
    wrong, report = mislabelled[1], found
    likely = {one.path: one.likely for one in report.suspects}
    assert likely.items() <= wrong.items()
    assert len(likely) >= 8
    assert all(one.label == one.path.parent.name and one.share < one.likely_share for one in report.suspects)
    assert report.count == 90
    assert 0.85 < report.accuracy < 0.95
    assert report.chance == pytest.approx(1 / 3)


def test_the_list_is_a_table_and_a_page_with_thumbnails(found, tmp_path):
    report = found
    table, page = write_label_report(report, tmp_path / "out")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"], row["likely"]) for row in rows] == [(str(one.path), one.likely) for one in report.suspects]
    assert page.read_text().count("data:image/jpeg;base64,") == len(rows) >= 8
    with pytest.raises(OutputError, match="--overwrite"):
        write_label_report(report, tmp_path / "out")
    assert len(write_label_report(report, tmp_path / "out", overwrite=True)) == 2


def test_a_row_counts_for_a_class_it_is_as_sure_of_as_that_class_is_on_average():
    shares = np.array([[0.9, 0.1], [0.7, 0.3], [0.45, 0.55], [0.2, 0.8], [0.1, 0.9], [0.85, 0.15]], np.float32)
    truth = np.array([0, 0, 0, 1, 1, 1])
    # Class 0 is sure by (0.9 + 0.7 + 0.45) / 3 = 0.683, class 1 by (0.8 + 0.9 + 0.15) / 3 = 0.617.
    assert confident_errors(shares, truth) == [(5, 0)]
    assert confident_errors(shares[[2, 5]], np.array([1, 0])) == []


def test_the_command_lists_and_writes(mislabelled, found, tmp_path, monkeypatch):
    monkeypatch.setattr(labels, "find_wrong_labels", lambda folder, **_: found)
    arguments = ["classify", "labels", str(mislabelled[0]), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(build(), arguments)
    assert done.exit_code == 0, done.output
    assert f"{len(found.suspects)} of 90 labels look wrong" in done.output
    assert "looks like" in done.output
    assert (tmp_path / "out" / "labels.html").is_file()
    assert CliRunner().invoke(build(), arguments).exit_code != 0
