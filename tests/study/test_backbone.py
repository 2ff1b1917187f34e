"""Perceptual distance and recognition kept, by a backbone of random weights and by one that was taught three things."""

from __future__ import annotations

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from photographs import photograph
from tinct.cli import build
from tinct.errors import InputError, ModelError
from tinct.study.backbone import METRICS, Judge
from tinct.study.evaluate import evaluate
from tinct.study.measure import GREY
from tinct.study.method import Method

torch = pytest.importorskip("torch")

from tinct.learn.networks.backbones import SqueezeNet  # noqa: E402

CAT, ESPRESSO, SNOW = 281, 967, 111


@pytest.fixture(scope="session")
def pictures() -> dict[str, np.ndarray]:
    return {name: photograph(name) for name in ("chelsea", "coffee")}


@pytest.fixture(scope="session")
def taught(weights, pictures, tmp_path_factory) -> Judge:
    """The random features with a last layer, found by least squares, that names a cat, an espresso and noise."""
    state = torch.load(weights)
    backbone = SqueezeNet().eval()
    backbone.load_state_dict(state, strict=False)
    shown = {CAT: pictures["chelsea"], ESPRESSO: pictures["coffee"], SNOW: noisy(pictures["chelsea"], 200)[:, ::-1]}
    rows, targets = [], []
    for number, rgb in shown.items():
        edge = min(rgb.shape[:2])
        top, left = ((side - edge) // 2 for side in rgb.shape[:2])
        square = cv2.resize(rgb[top : top + edge, left : left + edge], (224, 224), interpolation=cv2.INTER_AREA)
        with torch.inference_mode():
            features = backbone.encode(torch.from_numpy(square).permute(2, 0, 1)[None].float() / 255)[0].flatten(1).T
        rows.append(torch.cat([features, torch.ones(len(features), 1)], dim=1))
        targets.append(torch.eye(1000)[number].expand(len(features), -1))
    places, classes = torch.cat(rows).double(), torch.cat(targets).double()
    calm = 1e-3 * places.square().mean() * len(places) * torch.eye(places.shape[1], dtype=torch.double)
    solved = torch.linalg.solve(places.T @ places + calm, places.T @ classes).float()
    state["classifier.1.weight"], state["classifier.1.bias"] = solved[:-1].T[..., None, None], solved[-1]
    others = [number for number in range(1000) if number not in shown]
    state["classifier.1.bias"][others] = 0.2  # what is none of the three is something else
    path = tmp_path_factory.mktemp("taught") / "squeezenet.pth"
    torch.save({key: value.contiguous() for key, value in state.items()}, path)
    return Judge(path)


def grey(rgb: np.ndarray) -> np.ndarray:
    return np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def noisy(rgb: np.ndarray, amount: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, amount, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def test_the_distance_is_none_for_equals_symmetric_and_grows_with_distortion(weights, pictures):
    seen = Judge(weights)
    truth = cv2.resize(pictures["chelsea"], (150, 100), interpolation=cv2.INTER_AREA)
    near, far = noisy(truth, 8), noisy(truth, 40)
    equal, little, much = (each["perceptual"] for each in seen.compare(truth, [truth, near, far]))
    assert equal == 0
    assert 0 < little < much
    (back,) = seen.compare(near, [truth])
    assert back["perceptual"] == pytest.approx(little, rel=1e-5)


def test_more_colour_lost_is_farther(weights, pictures):
    truth = pictures["coffee"].astype(float)
    lost = [(truth + (grey(pictures["coffee"]) - truth) * share).astype(np.uint8) for share in (0.2, 0.5, 1.0)]
    distances = [each["perceptual"] for each in Judge(weights).compare(pictures["coffee"], lost)]
    assert distances == sorted(distances)
    assert distances[0] > 0


def test_the_distance_is_that_of_cosines_summed_over_the_depths(weights, pictures):
    """|f - g|^2 = 2 - 2 cos for features of length 1: PyTorch's own cosine is the reference."""
    judge = Judge(weights)
    truth = cv2.resize(pictures["chelsea"], (128, 96), interpolation=cv2.INTER_AREA)
    other = noisy(truth, 30)
    backbone = SqueezeNet().eval()
    backbone.load_state_dict(torch.load(weights), strict=False)
    with torch.inference_mode():
        first, second = (
            backbone.stages(torch.from_numpy(rgb.transpose(2, 0, 1)[None].astype(np.float32) / 255))
            for rgb in (truth, other)
        )
        cosines = [torch.cosine_similarity(a, b, dim=1) for a, b in zip(first, second, strict=True)]
        # Where one picture's features are all 0, their length stays 0.
        lengths = [
            ((a.abs().sum(1) > 0).float(), (b.abs().sum(1) > 0).float()) for a, b in zip(first, second, strict=True)
        ]
        expected = sum(
            float((one + two - 2 * cosine).mean()) for cosine, (one, two) in zip(cosines, lengths, strict=True)
        )
    assert judge.compare(truth, [other])[0]["perceptual"] == pytest.approx(expected, rel=1e-3)


def test_recognition_is_kept_by_the_truth_and_lost_by_noise(taught, pictures):
    truth = pictures["chelsea"]
    same, wrong = taught.compare(truth, [truth, np.ascontiguousarray(noisy(truth, 200)[:, ::-1])])
    assert (same["recognition_top1"], same["recognition_top5"]) == (100, 100)
    assert (wrong["recognition_top1"], wrong["recognition_top5"]) == (0, 0)


@pytest.mark.parametrize("shape", [(20, 9), (7, 300), (600, 40)])
def test_pictures_of_any_shape_are_judged(weights, shape):
    rgb = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    (values,) = Judge(weights).compare(rgb, [grey(rgb)])
    assert set(values) == set(METRICS)
    assert np.isfinite(list(values.values())).all()


def test_evaluation_has_the_metrics_with_intervals_beside_the_grey_baseline(weights, pictures, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, rgb in pictures.items():
        for part, piece in enumerate((rgb[:150, :200], rgb[150:300, 200:400], rgb[:150, 200:400])):
            cv2.imwrite(str(folder / f"{name}{part}.png"), piece[..., ::-1])
    tint = Method("tint", lambda luma: np.stack([luma, luma // 2, luma // 3], axis=-1))
    result = evaluate([tint], folder, backbone=weights, resamples=20)
    assert result.absent == {}
    backbone = result.settings["backbone"]
    assert (backbone["name"], backbone["file"], len(backbone["sha256"])) == ("squeezenet1_1", str(weights), 64)
    for score in result.scores:
        assert set(METRICS) <= set(score.metrics)
        assert score.metrics["perceptual"].low < score.metrics["perceptual"].mean < score.metrics["perceptual"].high
        assert 0 <= score.metrics["recognition_top1"].mean <= score.metrics["recognition_top5"].mean <= 100
    judge = Judge(weights)
    files = sorted(folder.iterdir())
    rgbs = [cv2.imread(str(file))[..., ::-1].copy() for file in files]
    expected = np.mean([judge.compare(rgb, [tint.colorize(grey(rgb)[..., 0])])[0]["perceptual"] for rgb in rgbs])
    assert result.score("tint").metrics["perceptual"].mean == pytest.approx(expected, rel=0.02)
    assert result.score(GREY).over_grey["perceptual"].mean == 0


def test_without_a_file_each_absent_metric_says_why(pictures, tmp_path):
    cv2.imwrite(str(tmp_path / "cat.png"), pictures["chelsea"][:64, :64, ::-1])
    result = evaluate([], tmp_path, resamples=5)
    assert set(result.absent) == set(METRICS)
    assert "--backbone FILE" in result.absent["perceptual"]
    assert not set(METRICS) & set(result.scores[0].metrics)
    assert result.to_json()["absent"] == result.absent
    done = CliRunner().invoke(build(), ["evaluate", "--data", str(tmp_path), "photo", "--resamples", "5"])
    assert done.exit_code == 0
    assert "absent: perceptual distance and recognition kept need" in " ".join(done.stdout.split())
    assert "perceptual distance ↓" not in done.stdout


def test_a_file_of_features_only_gives_the_distance_and_says_why_no_more(weights, pictures, tmp_path):
    state = {key: value for key, value in torch.load(weights).items() if key.startswith("features.")}
    torch.save(state, tmp_path / "features.pth")
    judge = Judge(tmp_path / "features.pth")
    assert set(judge.compare(pictures["chelsea"], [pictures["chelsea"]])[0]) == {"perceptual"}
    assert set(judge.absent) == {"recognition_top1", "recognition_top5"}


def test_the_command_prints_figures_and_what_judged(weights, pictures, tiny_model, tmp_path):
    cv2.imwrite(str(tmp_path / "cat.png"), pictures["chelsea"][:96, :96, ::-1])
    arguments = ["evaluate", str(tiny_model), "--data", str(tmp_path), "--resamples", "5", "--backbone", str(weights)]
    done = CliRunner().invoke(build(), arguments)
    assert done.exit_code == 0
    for expected in ("perceptual distance ↓", "still recognised", "uncalibrated", "squeezenet1_1"):
        assert expected in done.stdout
    result = json.loads(CliRunner().invoke(build(), [*arguments, "--json"]).stdout)
    assert result["scores"][0]["metrics"]["perceptual"]["mean"] > 0


def test_what_cannot_judge_is_named(weights, pictures, tmp_path):
    with pytest.raises(ModelError, match=r"absent\.pth: no such file"):
        Judge(tmp_path / "absent.pth")
    (tmp_path / "broken.pth").write_bytes(b"no weights")
    with pytest.raises(ModelError, match=r"broken\.pth: is not a file of weights"):
        Judge(tmp_path / "broken.pth")
    torch.save({"layer.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match=r"other\.pth: neither squeezenet1_1 nor vgg16"):
        Judge(tmp_path / "other.pth")
    with pytest.raises(InputError, match="is not the true one's"):
        Judge(weights).compare(pictures["chelsea"], [pictures["coffee"]])


def test_without_pytorch_the_extra_is_named(tmp_path):
    program = """
import sys
sys.modules["torch"] = None
from tinct.errors import MissingExtraError
from tinct.study.backbone import Judge
try:
    Judge("weights.pth")
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith("run  pip install 'tinct[learn]'"), done.stderr
