"""Compiled networks that are kept: the same numbers from them, and never those of another model or a damaged file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinct.runtime import openvino
from tinct.runtime.session import Session

pytestmark = pytest.mark.skipif(not openvino.installed(), reason="needs the extra openvino")

PICTURE = np.random.default_rng(1).random((24, 32), dtype=np.float32)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of kept networks, empty."""
    monkeypatch.setenv("TINCT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "openvino"


def answer(model: Path, threads: int = 1) -> bytes:
    return Session(model, runtime="openvino", threads=threads).run(PICTURE).tobytes()


def no_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(openvino, "_compiled", refuse)


def test_what_was_compiled_once_is_opened_again(
    cache: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = answer(tiny_model)
    assert len(list(cache.iterdir())) == 1
    no_compiling(monkeypatch)
    assert answer(tiny_model) == first
    moved = Path(shutil.copy(tiny_model, tmp_path / "moved.onnx"))
    assert answer(moved) == first


def test_a_file_is_checked_before_it_is_compiled_and_not_again(
    cache: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[Path] = []
    monkeypatch.setattr(openvino, "check_file", checked.append)
    assert answer(tiny_model) == answer(tiny_model)
    assert checked == [tiny_model]
    answer(tiny_model, threads=2)  # other settings
    assert checked == [tiny_model] * 2


def test_another_model_or_setting_is_compiled(
    cache: Path, tiny_model: Path, diverged_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that another replaces within a second, under its name and of its size, is known by its bytes."""
    place = Path(shutil.copy(tiny_model, tmp_path / "model.onnx"))
    answer(place)
    first = place.stat()
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)
    assert place.stat().st_size == first.st_size
    no_compiling(monkeypatch)
    with pytest.raises(AssertionError, match="compiled again"):
        answer(place)
    with pytest.raises(AssertionError, match="compiled again"):
        openvino.open_model(tiny_model, threads=1, cores=2, precision="f32")


def test_a_damaged_file_is_made_anew(cache: Path, tiny_model: Path) -> None:
    first = answer(tiny_model)
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"something else" * 100):
        file.write_bytes(content)
        assert answer(tiny_model) == first
        assert len(file.read_bytes()) == pytest.approx(len(whole), rel=0.01)  # a few bytes are of the run


def test_the_longest_unused_go(cache: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "MOST_KEPT", 2)
    for precision in ("f32", "bf16", "f32"):
        openvino.open_model(tiny_model, threads=1, cores=1, precision=precision)
    used = max(cache.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    openvino.open_model(tiny_model, threads=1, cores=2, precision="f32")
    kept = list(cache.iterdir())
    assert len(kept) == 2
    assert used in kept


def test_nothing_is_kept_where_that_is_off_or_impossible(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    answers = set()
    for place in ("off", str(tmp_path / "file" / "below"), str(tmp_path / "file")):
        monkeypatch.setenv("TINCT_CACHE", place)
        answers.add(answer(tiny_model))
    assert len(answers) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert capfd.readouterr() == ("", "")


def test_openvino_is_whole_for_others_in_the_process() -> None:
    script = (
        "import sys; from tinct.runtime import openvino; openvino.computes_bfloat16()\n"
        "print('openvino.tools.ovc' in sys.modules)\n"
        "import openvino; print(callable(openvino.convert_model))\n"
        "from openvino.tools.ovc import convert_model; print(convert_model.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\nTrue\nconvert_model\n"
