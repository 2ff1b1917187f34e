"""The doctor for data, on real pictures with faults made by hand."""

from __future__ import annotations

import json
from dataclasses import asdict

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from photographs import colorful_piece, photograph, write_picture
from tinct.cli import build
from tinct.color.bins import ColorBins, ColorHistogram
from tinct.data.colors import ColorCounts, cover, learn_bins
from tinct.data.prepare import prepare
from tinct.data.rules import find_warnings
from tinct.data.survey import inspect_data
from tinct.errors import DataError, ModelError, OutputError, SettingError
from tinct.study.report.data_page import sample_sheet, write_report


@pytest.fixture(scope="session")
def originals() -> dict[str, np.ndarray]:
    """Colour photographs, (H, W, 3) BGR."""
    return {name: photograph(name)[..., ::-1] for name in ("astronaut", "chelsea", "coffee", "china", "flower")}


@pytest.fixture
def faulty(originals, tmp_path):
    """Training and validation with a leak, a copy, a grey, a sepia, a framed, a tiny and a broken picture."""
    folder = tmp_path / "photos"
    for split, category in (("train", "cats"), ("train", "places"), ("val", "cats"), ("val", "dogs")):
        (folder / split / category).mkdir(parents=True)
    grey = cv2.cvtColor(originals["coffee"], cv2.COLOR_BGR2GRAY)
    sepia = np.clip(grey[..., None].astype(float) * [0.72, 0.9, 1.07], 0, 255).astype(np.uint8)
    framed = cv2.copyMakeBorder(originals["flower"], 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    pictures = {
        "train/cats/chelsea.png": originals["chelsea"],
        "train/cats/again.png": originals["chelsea"],
        "train/places/astronaut.png": originals["astronaut"],
        "train/places/framed.png": framed,
        "train/places/grey.png": grey,
        "train/places/sepia.png": np.rot90(sepia),
        "train/places/tiny.png": originals["china"][100:140, 200:300],
        "val/cats/leak.jpg": originals["chelsea"],
        "val/dogs/china.jpg": originals["china"],
    }
    for name, picture in pictures.items():
        assert cv2.imwrite(str(folder / name), picture)
    (folder / "train/places/broken.jpg").write_bytes(b"no picture")
    return folder


def run(*arguments):
    return CliRunner().invoke(build(), [str(argument) for argument in arguments], catch_exceptions=False)


def test_every_fault_made_by_hand_is_found_with_its_evidence_and_remedy(faulty):
    seen = []
    report = inspect_data(faulty, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (10, 10)
    found = {warning.kind: warning for warning in report.warnings}
    assert found["leak"].evidence == ["val/cats/leak.jpg = train/cats/again.png (looks alike)"]
    assert found["leak"].title.startswith("1 picture of validation is also in training")
    assert found["duplicates"].evidence == ["train/cats/chelsea.png = train/cats/again.png (the same bytes)"]
    assert found["grey"].evidence == ["train/places/grey.png"]
    assert found["toned"].evidence == ["train/places/sepia.png"]
    assert found["frames"].evidence == ["train/places/framed.png"]
    assert found["small"].evidence == ["train/places/tiny.png"]
    assert found["unreadable"].evidence[0].startswith("train/places/broken.jpg: ")
    assert found["unseen-category"].evidence == ["dogs: 1 picture"]
    assert {"few", "small-validation"} <= set(found)
    weights = [warning.weight for warning in report.warnings]
    assert weights == sorted(weights, reverse=True)
    assert report.warnings[0].kind == "leak"
    assert all(f"tinct prepare {faulty}" in found[kind].remedy for kind in ("leak", "grey", "frames", "duplicates"))
    assert "near-grey" not in found


def test_facts_are_those_of_the_pictures(faulty, originals):
    report = inspect_data(faulty)
    train, val = report.splits
    assert (train.split, train.pictures, val.split, val.pictures) == ("train", 7, "val", 2)
    assert (train.height.least, train.width.most) == (40, originals["flower"].shape[1] + 80)
    assert train.sizes[0] == (451, 300, 2)
    assert sum(train.colorfulness_counts) == 7
    assert {(group.split, group.category): group.pictures for group in report.groups} == {
        ("train", "cats"): 2,
        ("train", "places"): 5,
        ("val", "cats"): 1,
        ("val", "dogs"): 1,
    }
    assert sum(share for _, share in report.palette) == pytest.approx(1)


def test_the_remedy_helps(faulty, tmp_path):
    dataset = prepare([faulty / "train", faulty / "val"], tmp_path / "dataset", size=128, val=0.4, seed=1).path
    report = inspect_data(dataset)
    assert report.prepared
    kinds = {warning.kind for warning in report.warnings}
    assert not kinds & {"leak", "duplicates", "grey", "near-grey", "toned", "frames", "small", "unreadable"}
    assert {"few", "small-validation"} <= kinds


def test_an_orientation_note_turns_width_and_height(originals, tmp_path):
    import pyvips

    for place in range(2):
        image = pyvips.Image.new_from_array(originals["chelsea"][..., ::-1].copy())
        image = image.copy()
        image.set_type(pyvips.GValue.gint_type, "orientation", 6)
        image.jpegsave(str(tmp_path / f"{place}.jpg"), Q=90 - place)
    (facts,) = inspect_data(tmp_path).splits
    assert (facts.width.middle, facts.height.middle) == (300, 451)


def test_own_bins_are_those_of_tinct_bins_and_a_model_has_its_own(faulty, tiny_model):
    report = inspect_data(faulty / "train", models=[tiny_model])
    own, of_model = report.coverage
    bins, _ = learn_bins(faulty / "train")
    assert own.shares == pytest.approx(bins.frequencies.tolist())
    assert own.shift == pytest.approx(0)
    assert (of_model.bins, of_model.count) == (str(tiny_model), 12)
    assert sum(of_model.shares) == pytest.approx(1)
    with pytest.raises(ModelError, match="no model"):
        inspect_data(faulty, models=["absent"])


def test_coverage_tells_colors_that_bins_do_not_stand_for():
    def histogram(*colors: tuple[int, int, int]) -> ColorHistogram:
        counted = ColorHistogram()
        for color in colors:
            counted.add(np.full((8, 8, 3), color, np.uint8))
        return counted

    red, blue, grey = (220, 30, 30), (30, 30, 220), (128, 128, 128)
    bins = ColorBins.from_histogram(histogram(red, grey), bins=2)
    same = cover(bins, histogram(red, grey), name="x", split="")
    assert (same.rare, same.far, same.shift) == (0, 0, 0)
    assert same.even == pytest.approx(2)
    other = cover(bins, histogram(blue, blue, blue, grey), name="x", split="")
    assert other.far == pytest.approx(0.75)
    assert other.shift == pytest.approx(0.5)


def test_the_palette_is_of_the_colors_there_are():
    counts = ColorCounts()
    picture = np.zeros((10, 10, 3), np.uint8)
    picture[:5], picture[5:8], picture[8:] = (200, 40, 40), (40, 60, 200), (250, 250, 250)
    counts.add(picture)
    assert counts.palette() == [("#c82828", 0.5), ("#283cc8", pytest.approx(0.3)), ("#fafafa", pytest.approx(0.2))]
    assert len(counts.palette(2)) == 2
    assert ColorCounts().palette() == []


def test_one_category_far_larger_than_the_others_is_told(faulty):
    report = inspect_data(faulty)
    groups = [group for group in report.groups if group.split == "train"]
    big = [type(groups[0])("train", "", name, count) for name, count in (("sea", 500), ("a", 20), ("b", 20), ("c", 4))]
    changed = type(report)(**{**vars(report), "groups": big})
    (found,) = [warning for warning in find_warnings(changed) if warning.kind == "imbalance"]
    assert found.title.startswith("sea has 92% of the pictures, 25 times")


def test_a_folder_of_files_is_written_and_the_page_needs_nothing_else(faulty, tmp_path):
    report = inspect_data(faulty)
    written = write_report(report, tmp_path / "out")
    assert [path.name for path in written] == ["report.html", "samples.png", "data.json", "duplicates.csv"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in written)
    page = written[0].read_text(encoding="utf-8")
    assert 'src="http' not in page
    assert "<link" not in page
    assert page.count("<article") == len(report.warnings)
    assert "val/cats/leak.jpg = train/cats/again.png" in page
    assert cv2.imread(str(written[1])).shape == sample_sheet(report).shape == (320, 8 * 160, 3)
    assert json.loads(written[2].read_text())["warnings"][0] == asdict(report.warnings[0])
    assert "near,train/cats/again.png,train,val/cats/leak.jpg,val" in written[3].read_text()


def test_names_are_escaped_in_the_page(originals, tmp_path):
    (tmp_path / "<b>").mkdir()
    for name in ("one.png", "two & more.png"):
        cv2.imwrite(str(tmp_path / "<b>" / name), originals["chelsea"])
    (page,) = write_report(inspect_data(tmp_path), tmp_path / "page.html")
    text = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;/two &amp; more.png" in text
    assert "<b>/" not in text


def test_tables_json_and_status_on_the_command_line(faulty, tmp_path):
    done = run("data", faulty, "-o", tmp_path / "report.html")
    assert done.exit_code == 0
    for expected in (
        "colourfulness",
        "sources and categories",
        "1. 1 picture of validation is also in training",
        "remedy: ",
        "its own",
    ):
        assert expected in done.stdout
    assert done.stdout.rstrip().endswith("report.html")
    strict = run("data", faulty, "--json", "--strict", "--limit", 1)
    assert strict.exit_code == 1
    result = json.loads(strict.stdout)
    assert [split["pictures"] for split in result["splits"]] == [1, 1]
    assert not {"few", "small-validation"} & {warning["kind"] for warning in result["warnings"]}


def test_what_cannot_be_done_is_said(faulty, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        inspect_data(tmp_path / "absent")
    with pytest.raises(SettingError, match="at least 1"):
        inspect_data(faulty, limit=0)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"none of the 1 pictures can be read \(a\.jpg"):
        inspect_data(tmp_path / "broken")
    report = inspect_data(faulty)
    with pytest.raises(SettingError, match=r"a name ending in \.html, or a folder"):
        write_report(report, tmp_path / "report.pdf")
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="taken"):
        write_report(report, tmp_path / "taken")
    assert not (tmp_path / "report.pdf").exists()


def test_greys_among_colored_photographs_are_counted_in_a_sample(tmp_path):
    rng = np.random.default_rng(1)
    for split, names in (("train", ("coffee", "astronaut")), ("val", ("china", "flower"))):
        for number in range(24):
            piece = colorful_piece(photograph(names[number % 2]), 96, 96, rng)
            if number % 3 == 0:
                piece = piece[..., 1:2] + (piece - piece[..., 1:2].astype(float)) * 0.05
            write_picture(tmp_path / split / "things" / f"{number}.png", piece)
    report = inspect_data(tmp_path, limit=18, seed=1)
    assert [facts.pictures for facts in report.splits] == [18, 18]
    assert all(3 <= len(facts.near_grey) <= 8 for facts in report.splits)
    assert all(facts.colorfulness.most > 60 for facts in report.splits)
