"""Evaluation on plain folders and datasets, beside the baselines."""

from __future__ import annotations

import io
import json
import os
import tarfile

import numpy as np
import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st

from tinct.color.spaces import rgb_to_yuv
from tinct.coloring.settings import Decoding
from tinct.data.pictures import find_pictures
from tinct.errors import DataError, ModelError, SettingError
from tinct.study.evaluate import evaluate
from tinct.study.measure import leave_grey, one_color
from tinct.study.method import Method, grey_of
from tinct.study.metrics import Truth, compare, summarize


def photo(seed, shape=(30, 40)):
    """A smooth picture with one main colour."""
    random = np.random.default_rng(seed)
    small = np.clip(random.normal(120, 20, (4, 5, 3)) + random.normal(0, 40, 3), 0, 255).astype(np.uint8)
    image = pyvips.Image.new_from_array(small).resize(10, kernel="linear")
    return image.crop(0, 0, shape[1], shape[0]).numpy()


def png(rgb):
    return pyvips.Image.new_from_array(rgb).write_to_buffer(".png")


def put(tar, name, content):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "photos"
    for index in range(8):
        path = root / ("sea" if index % 2 else "wood") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(photo(index)))
    return root


@pytest.fixture
def dataset(tmp_path):
    root = tmp_path / "dataset"
    root.mkdir()
    for split, numbers in (("train", range(10, 16)), ("val", range(5))):
        with tarfile.open(root / f"{split}-000000.tar", "w") as tar:
            for index in numbers:
                put(tar, f"{index:08d}.jpg", pyvips.Image.new_from_array(photo(index)).write_to_buffer(".jpg[Q=95]"))
                card = {"source": "mine", "category": "sea" if index % 2 else "wood"}
                put(tar, f"{index:08d}.json", json.dumps(card).encode())
    shards = {split: [{"file": f"{split}-000000.tar", "count": 5}] for split in ("train", "val")}
    (root / "dataset.json").write_text(json.dumps({"format": 1, "size": 96, "shards": shards}))
    return root


def oracle(pictures):
    """A method that knows the pictures."""
    known = {grey_of(picture.read()).tobytes(): picture.read() for picture in pictures}
    return Method("oracle", lambda luma: known[luma.tobytes()])


def test_baselines_stand_beside_and_the_truth_is_perfect(folder):
    result = evaluate([oracle(find_pictures(folder))], folder, resamples=50)
    assert [score.method for score in result.scores] == ["grey", "mean colour", "oracle"]
    assert [score.kind for score in result.scores] == ["baseline", "baseline", "model"]
    assert result.pictures == 8
    perfect, grey = result.score("oracle"), result.score("grey")
    assert perfect.metrics["ciede2000"].mean == 0
    assert perfect.metrics["auc_rebalanced"].mean == pytest.approx(100)
    assert perfect.metrics["colorfulness_ratio"].mean == pytest.approx(1)
    assert perfect.metrics["luma_change"].mean == 0
    assert grey.metrics["colorfulness"].mean == 0
    assert grey.metrics["luma_change"].mean < 0.5
    gain = perfect.over_grey["ciede2000"]
    assert gain.mean == pytest.approx(-grey.metrics["ciede2000"].mean)
    assert gain.low < gain.mean < gain.high < 0
    assert grey.over_grey["psnr"].low == grey.over_grey["psnr"].high == 0


def test_figures_are_those_of_the_pictures_one_by_one(folder):
    rows = []
    for picture in find_pictures(folder):
        rgb = picture.read()
        rows.append(compare(Truth.of(rgb), leave_grey(grey_of(rgb))))
    expected = summarize(rows)
    found = evaluate([], folder, resamples=5).score("grey").metrics
    assert {name: value.mean for name, value in found.items()} == pytest.approx(expected)


def test_datasets_are_read_from_their_shards_with_categories(dataset):
    result = evaluate([], dataset, by="category", resamples=5)
    assert (result.pictures, result.split) == (5, "val")
    assert [(score.group, score.method, score.pictures) for score in result.groups] == [
        ("mine/sea", "grey", 2),
        ("mine/sea", "mean colour", 2),
        ("mine/wood", "grey", 3),
        ("mine/wood", "mean colour", 3),
    ]
    assert evaluate([], dataset, split="train", resamples=5).pictures == 6
    assert {score.group for score in evaluate([], dataset, by="source", resamples=5).groups} == {"mine"}
    chroma = result.settings["mean_chroma_uv"]
    trained = [
        rgb_to_yuv(picture.read() / 255).reshape(-1, 3)[:, 1:] for picture in find_pictures(dataset, split="train")
    ]
    assert chroma == pytest.approx(np.concatenate(trained).mean(axis=0), abs=1e-4)


def test_several_processes_give_the_figures_of_one(folder, tiny_model):
    (folder / "torn.jpg").write_bytes(b"no picture")
    decoding = Decoding(runtime="onnxruntime", threads=2)
    methods = [tiny_model, Method("inverted", leave_grey)]
    seen = []
    one = evaluate(methods, folder, decoding=decoding, by="category", resamples=20)
    two = evaluate(
        methods,
        folder,
        decoding=decoding,
        by="category",
        resamples=20,
        workers=2,
        progress=lambda *done: seen.append(done),
    )
    assert two.left_out == one.left_out != []
    assert two.to_json() | {"seconds": 0} == one.to_json() | {"seconds": 0}
    assert seen == [(done, 9) for done in range(1, 10)]


def test_what_cannot_be_sent_to_a_process_is_refused_before_one_is_begun(folder):
    with pytest.raises(SettingError, match="cannot be sent to another process"):
        evaluate([Method("own", lambda luma: luma[..., None].repeat(3, axis=-1))], folder, resamples=5, workers=2)
    with pytest.raises(ModelError, match="no model"):
        evaluate([folder / "none.onnx"], folder, resamples=5, workers=2)
    with pytest.raises(SettingError, match="at least 1 worker"):
        evaluate([], folder, resamples=5, workers=0)


def test_a_dataset_with_a_validation_split_only_has_its_own_mean_colour(dataset):
    (dataset / "train-000000.tar").unlink()
    shards = {"val": [{"file": "val-000000.tar", "count": 5}], "train": []}
    (dataset / "dataset.json").write_text(json.dumps({"format": 1, "size": 96, "shards": shards}))
    chroma = evaluate([], dataset, resamples=2).settings["mean_chroma_uv"]
    own = [rgb_to_yuv(picture.read() / 255).reshape(-1, 3)[:, 1:] for picture in find_pictures(dataset)]
    assert chroma == pytest.approx(np.concatenate(own).mean(axis=0), abs=1e-4)


def test_a_folder_that_cannot_be_read_is_an_error_not_fewer_pictures(folder, monkeypatch):
    real = os.scandir

    def closed(place):
        if str(place).endswith("sea"):
            raise PermissionError(13, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(DataError, match=r"sea: the folder cannot be read \(Permission denied\)"):
        evaluate([], folder)


def test_the_same_seed_gives_the_same_evaluation_and_the_limit_a_part(folder):
    first, again, other = (evaluate([], folder, limit=4, seed=seed, resamples=20).scores for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert first[0].pictures == 4


def test_what_cannot_be_measured_is_listed_not_skipped(folder):
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "tiny.png").write_bytes(png(photo(1, shape=(5, 5))))
    (folder / "notes.txt").write_text("no picture, and not called one")
    result = evaluate([], folder, resamples=5)
    assert [name for name, _ in result.left_out] == ["broken.jpg", "tiny.png"]
    assert "damaged" in result.left_out[0][1]
    assert "at least 7 pixels" in result.left_out[1][1]
    assert result.pictures == 8


def test_near_grey_truths_are_counted_and_json_is_plain(tmp_path):
    (tmp_path / "grey.png").write_bytes(png(np.repeat(photo(1)[..., :1], 3, axis=-1)))
    result = evaluate([], tmp_path, resamples=5)
    assert result.near_grey == 1
    plain = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert plain["scores"][0]["metrics"]["colorfulness_ratio"]["mean"] is None


def test_large_pictures_are_fitted_first(tmp_path):
    (tmp_path / "large.png").write_bytes(png(photo(1)))
    seen = []
    spy = Method("spy", lambda luma: seen.append(luma.shape) or leave_grey(luma))
    evaluate([spy], tmp_path, longest=20, resamples=2)
    assert seen == [(15, 20)]


def test_progress_is_told(folder):
    told = []
    evaluate([], folder, resamples=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(index, 8) for index in range(1, 9)]


def test_refusals(folder, dataset, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        evaluate([], tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures in it"):
        evaluate([], tmp_path / "empty")
    with pytest.raises(SettingError, match="no split 'test'"):
        evaluate([], dataset, split="test")
    with pytest.raises(SettingError, match="no grouping by 'colour'"):
        evaluate([], folder, by="colour")
    with pytest.raises(SettingError, match="at least 1 picture"):
        evaluate([], folder, limit=0)
    with pytest.raises(SettingError, match="two methods are called 'grey'"):
        evaluate([Method("grey", leave_grey)], folder)
    with pytest.raises(ModelError, match="no model 'nothing'"):
        evaluate(["nothing"], folder)
    (dataset / "val-000000.tar").write_bytes(b"x" * 600)
    with pytest.raises(DataError, match="damaged shard"):
        evaluate([], dataset)
    (dataset / "val-000000.tar").unlink()
    with pytest.raises(DataError, match="the shard is missing"):
        evaluate([], dataset)
    (dataset / "dataset.json").unlink()
    with pytest.raises(DataError, match="is unfinished"):
        evaluate([], dataset)


@given(u=st.floats(-0.4, 0.4), v=st.floats(-0.6, 0.6))
def test_one_colour_keeps_the_luma_and_shrinks_only_what_is_out_of_gamut(u, v):
    luma = np.arange(256, dtype=np.uint8).reshape(16, 16)
    rgb = one_color(luma, np.array([u, v]))
    yuv = rgb_to_yuv(rgb.astype(np.float32) / 255)
    assert np.abs(yuv[..., 0] * 255 - luma).max() <= 0.51
    ratio = yuv[..., 1] * v - yuv[..., 2] * u  # the hue's direction stays
    assert np.abs(ratio).max() < 0.01


def test_the_mean_colour_of_a_folder_is_its_own(folder):
    trained = [rgb_to_yuv(picture.read() / 255).reshape(-1, 3)[:, 1:] for picture in find_pictures(folder)]
    chroma = evaluate([], folder, resamples=2).settings["mean_chroma_uv"]
    assert chroma == pytest.approx(np.concatenate(trained).mean(axis=0), abs=1e-4)


def test_a_model_file_is_colorized_with_the_way_anybody_uses(folder, tiny_model):
    result = evaluate([tiny_model], folder, resamples=5, decoding=Decoding(runtime="onnxruntime"))
    metrics = result.score(str(tiny_model)).metrics
    assert metrics["luma_change"].mean < 0.6
    assert metrics["colorfulness"].mean > 0
