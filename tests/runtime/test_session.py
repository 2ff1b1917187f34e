"""Sessions: any size in, the card's shape out, the same numbers from both runtimes, several threads at once."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from tinct.errors import DivergedError, InputError, MissingExtraError, ModelError, SettingError
from tinct.runtime import openvino
from tinct.runtime.modelfile import read_card
from tinct.runtime.session import Session, best_runtime, padded

needs_openvino = pytest.mark.skipif(not openvino.installed(), reason="needs the extra openvino")


def luma(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).random((height, width), dtype=np.float32)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 2), (8, 8), (9, 16), (37, 61), (64, 40), (1, 130), (5, 4)])
def test_any_size(tiny_model: Path, height: int, width: int) -> None:
    session = Session(tiny_model, runtime="onnxruntime")
    assert session.bins is not None
    result = session.run(luma(height, width))
    assert result.shape == (-(-height // 2), -(-width // 2), session.bins.count)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous


def test_values_are_those_of_the_onnx_reference(tiny_model: Path, tiny_chroma_model: Path) -> None:
    picture = luma(24, 32)
    for path in (tiny_model, tiny_chroma_model):
        expected = ReferenceEvaluator(onnx.load(str(path))).run(None, {"luma": picture[None, None]})[0]
        result = Session(path, runtime="onnxruntime").run(picture)
        np.testing.assert_allclose(result, np.moveaxis(expected[0], 0, -1), atol=1e-4)


def test_odd_size_is_continued_by_reflection(tiny_model: Path) -> None:
    session = Session(tiny_model, runtime="onnxruntime")
    picture = luma(21, 30)
    by_hand = np.pad(picture, ((0, 3), (0, 2)), mode="reflect")
    np.testing.assert_allclose(session.run(picture), session.run(by_hand)[:11, :15], atol=1e-5)


def test_padding_of_tiny_pictures_repeats_the_edge() -> None:
    assert padded(np.array([[[0.25, 0.5]]], dtype=np.float32), 4).tolist() == [[[0.25, 0.5, 0.5, 0.5]] * 4]
    assert padded(luma(8, 4)[None], 4).shape == (1, 8, 4)


def test_batch_is_each_picture_alone(tiny_model: Path) -> None:
    session = Session(tiny_model, runtime="onnxruntime")
    pictures = np.stack([luma(19, 27), luma(19, 27) / 2, 1 - luma(19, 27)])
    together = session.run_batch(pictures)
    assert len(together) == 3
    for index, picture in enumerate(pictures):
        np.testing.assert_allclose(together[index], session.run(picture), atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (4, 4, 1), (4,)])
def test_other_forms_are_refused(tiny_model: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="shape"):
        Session(tiny_model, runtime="onnxruntime").run(np.zeros(shape, dtype=np.float32))


def test_integers_are_refused(tiny_model: Path) -> None:
    with pytest.raises(InputError, match=r"floats in 0\.\.1, not uint8"):
        Session(tiny_model, runtime="onnxruntime").run(np.zeros((8, 8), dtype=np.uint8))


def test_settings_are_checked(tiny_model: Path) -> None:
    with pytest.raises(SettingError, match="no runtime 'tensorrt'"):
        Session(tiny_model, runtime="tensorrt")
    with pytest.raises(SettingError, match="at least 1 thread"):
        Session(tiny_model, threads=0)


@pytest.mark.parametrize("runtime", ["onnxruntime", pytest.param("openvino", marks=needs_openvino)])
def test_a_network_that_diverged_is_told(diverged_model: Path, runtime: str) -> None:
    with pytest.raises(DivergedError, match=r"diverged\.onnx: the network's outputs are not finite.*  --lr"):
        Session(diverged_model, runtime=runtime).run(luma(24, 32))


@pytest.mark.parametrize("runtime", ["onnxruntime", pytest.param("openvino", marks=needs_openvino)])
@pytest.mark.parametrize("threads", [None, 1, 2, 64])
def test_many_threads_at_once(tiny_model: Path, runtime: str, threads: int | None) -> None:
    session = Session(tiny_model, runtime=runtime, threads=threads)
    pictures = [luma(16 + 8 * (index % 3), 24 + index % 5) for index in range(24)]
    alone = [session.run(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(session.run, pictures))
    for expected, result in zip(alone, together, strict=True):
        np.testing.assert_array_equal(result, expected)


@needs_openvino
def test_openvino_gives_the_same_colours(tiny_model: Path) -> None:
    """In bfloat16 (8 bits of mantissa) the decoded chroma stays within 2 8-bit steps, a fifth of one on average."""
    reference, other = Session(tiny_model, runtime="onnxruntime"), Session(tiny_model, runtime="openvino")
    assert other.bins is not None
    picture = luma(75, 101)
    expected = other.bins.decode(reference.run(picture), temperature=0.7)
    difference = np.abs(other.bins.decode(other.run(picture), temperature=0.7) - expected)
    assert difference.max() < 2 / 255
    assert difference.mean() < 0.2 / 255


@needs_openvino
def test_openvino_in_float32_gives_the_same_numbers(tiny_model: Path) -> None:
    picture = luma(24, 32)
    card, infer = openvino.open_model(tiny_model, threads=None, cores=2, precision="f32")
    expected = Session(tiny_model, runtime="onnxruntime").run(picture)
    assert card == read_card(tiny_model)
    np.testing.assert_allclose(np.moveaxis(infer(picture[None, None], ["logits"])[0][0], 0, -1), expected, atol=1e-3)


@pytest.mark.parametrize("runtime", ["onnxruntime", pytest.param("openvino", marks=needs_openvino)])
def test_inner_features_come_beside_the_answer(seeing_model: Path, tiny_model: Path, runtime: str) -> None:
    session, picture = Session(seeing_model, runtime=runtime), luma(21, 30)
    by_hand = np.pad(picture, ((0, 3), (0, 2)), mode="reflect")[None, None]
    (expected,) = ReferenceEvaluator(onnx.load(str(seeing_model))).run(["features_2"], {"luma": by_hand})
    found = session.features(picture)
    assert list(found) == ["features_2"]
    limit = 1e-4 if runtime == "onnxruntime" else 0.02 * np.abs(expected).max()
    np.testing.assert_allclose(found["features_2"], np.moveaxis(expected[0], 0, -1)[:11, :15], atol=limit)
    rounding = 0 if runtime == "onnxruntime" else 0.05  # bfloat16, rounded where another output is read
    np.testing.assert_allclose(session.run(picture), Session(tiny_model, runtime=runtime).run(picture), atol=rounding)


def test_files_without_features_have_none(tiny_model: Path) -> None:
    assert Session(tiny_model, runtime="onnxruntime").features(luma(8, 8)) == {}


def test_features_that_the_graph_lacks_are_told(seeing_model: Path, tmp_path: Path) -> None:
    model = onnx.load(seeing_model)
    card = dataclasses.replace(read_card(seeing_model), features={"features_2": 2, "features_4": 4})
    onnx.helper.set_model_props(model, {"tinct": card.to_json()})
    onnx.save(model, tmp_path / "lacking.onnx")
    with pytest.raises(ModelError, match=r"does not return features_4 of its card; export the model again"):
        read_card(tmp_path / "lacking.onnx")


@needs_openvino
def test_openvino_runs_without_onnx_runtime(tiny_model: Path) -> None:
    script = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from tinct.runtime.session import Session; print(Session(sys.argv[1], runtime='openvino').card.name)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tiny_model)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("tiny_bins\n", "")


@needs_openvino
def test_openvino_says_the_same_of_bad_files(tiny_model: Path, tmp_path: Path) -> None:
    whole = tiny_model.read_bytes()
    foreign = onnx.load(tiny_model)
    del foreign.metadata_props[:]
    for content, reason in (
        (b"", "is empty"),
        (whole[:3000], "copy or export it again"),
        (b"not a network\n" * 100, "not an ONNX model"),
        (foreign.SerializeToString(), "not one of tinct's"),
    ):
        file = tmp_path / "bad.onnx"
        file.write_bytes(content)
        for runtime in ("onnxruntime", "openvino"):
            with pytest.raises(ModelError, match=reason):
                Session(file, runtime=runtime)


def test_missing_openvino_is_said(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "installed", lambda: False)
    assert best_runtime() == "onnxruntime"
    assert Session(tiny_model).runtime == "onnxruntime"
    with pytest.raises(MissingExtraError, match=r"pip install 'tinct\[openvino\]'"):
        Session(tiny_model, runtime="openvino")


@needs_openvino
@pytest.mark.parametrize(("gains", "runtime"), [(True, "openvino"), (False, "onnxruntime")])
def test_auto_takes_openvino_where_the_processor_gains(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, gains: bool, runtime: str
) -> None:
    assert isinstance(openvino.computes_bfloat16(), bool)
    monkeypatch.setattr(openvino, "computes_bfloat16", lambda: gains)
    assert Session(tiny_model).runtime == runtime


def test_broken_openvino_is_left_alone_unless_asked_for(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "installed", lambda: True)
    monkeypatch.setitem(sys.modules, "openvino", None)  # importing it raises ImportError
    monkeypatch.setattr(openvino, "_core", openvino._core.__wrapped__)  # not what another test has kept
    assert Session(tiny_model).runtime == "onnxruntime"
    with pytest.raises(ModelError, match="installed but cannot be loaded"):
        Session(tiny_model, runtime="openvino")


def test_nothing_on_the_screen(tiny_model: Path) -> None:
    script = (
        "import sys, numpy; from tinct.runtime.session import Session\n"
        "for runtime in sys.argv[2:]: Session(sys.argv[1], runtime=runtime).run(numpy.zeros((9, 9), 'float32'))"
    )
    runtimes = ["onnxruntime", "openvino"] if openvino.installed() else ["onnxruntime"]
    command = [sys.executable, "-W", "error", "-c", script, str(tiny_model), *runtimes]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@needs_openvino
def test_first_runs_at_once_do_not_wait_for_each_other(tiny_model: Path) -> None:
    """OpenVINO's binding sets things up when a tensor is first looked at, and two threads there would hang."""
    script = (
        "import sys, threading, numpy as np\n"
        "from tinct.runtime.session import Session\n"
        "sys.setswitchinterval(1e-6)\n"
        "session = Session(sys.argv[1], runtime='openvino', threads=1)\n"
        "gate = threading.Barrier(8)\n"
        "def go():\n"
        "    gate.wait(); session.run(np.zeros((64, 64), np.float32))\n"
        "threads = [threading.Thread(target=go) for _ in range(8)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]\n"
        "print('done')"
    )
    for _ in range(3):
        command = [sys.executable, "-c", script, str(tiny_model)]
        assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout == "done\n"
