"""Model files: the card's round trip, and one clear line for every file that cannot be used."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from tinct.color.bins import ColorBins
from tinct.errors import ModelError
from tinct.runtime.modelfile import MODELS, Card, find_model, list_models, open_graph, read_card


def with_metadata(source: Path, target: Path, metadata: dict[str, str]) -> Path:
    model = onnx.load(str(source))
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, str(target))
    return target


def test_card_round_trip_is_exact(tiny_model: Path) -> None:
    card = read_card(tiny_model)
    assert Card.from_json(card.to_json(), source="again") == card
    bins = card.color_bins()
    assert bins is not None
    assert bins.to_card() == card.bins
    assert ColorBins.from_card(json.loads(json.dumps(bins.to_card()))).centers.tolist() == bins.centers.tolist()


def test_regression_card_has_no_bins(tiny_chroma_model: Path) -> None:
    card = read_card(tiny_chroma_model)
    assert (card.task, card.space, card.bins, card.color_bins()) == ("regression", "lab", None, None)


def test_keys_of_later_minor_versions_are_ignored(tiny_model: Path) -> None:
    values = json.loads(read_card(tiny_model).to_json()) | {"invented_later": 3}
    assert Card.from_json(json.dumps(values), source="x") == read_card(tiny_model)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2, "tinct": "9.1"}, "newer tinct (9.1"),
        ({"format": None}, "no format"),
        ({"format": True}, "no format"),
        ({"task": "dance"}, "no task 'dance'"),
        ({"space": "cmyk"}, "cmyk"),
        ({"bins": None}, "do not fit together"),
        ({"output_stride": 3}, "output_stride 3"),
        ({"multiple": 0}, "multiple 0"),
        ({"multiple": 5}, "multiple 5"),
        ({"multiple": True}, "Expected `int`, got `bool` - at `$.multiple`"),
        ({"working_size": "big"}, "Expected `int`, got `str` - at `$.working_size`"),
        ({"temperature": 0}, "temperature must be above 0"),
        ({"caution": -1}, "caution must lie in"),
        ({"name": None}, "Expected `str`, got `null` - at `$.name`"),
    ],
)
def test_damaged_card_says_what_is_wrong(tiny_model: Path, change: dict[str, object], said: str) -> None:
    values = json.loads(read_card(tiny_model).to_json()) | change
    with pytest.raises(ModelError) as raised:
        Card.from_json(json.dumps(values), source="my.onnx")
    message = str(raised.value)
    assert message.startswith("my.onnx: ")
    assert said in message
    assert "\n" not in message


def test_missing_value_is_named(tiny_model: Path) -> None:
    values = json.loads(read_card(tiny_model).to_json())
    del values["multiple"]
    with pytest.raises(ModelError, match=r"missing required field `multiple`; export the model again"):
        Card.from_json(json.dumps(values), source="my.onnx")


def test_damaged_bins_are_a_model_error(tiny_model: Path) -> None:
    card = dataclasses.replace(read_card(tiny_model), bins={"space": "yuv"})
    with pytest.raises(ModelError, match="damaged"):
        card.color_bins()


@pytest.mark.parametrize("cut", [0, 100, 3000, 6000])
def test_truncated_file(tiny_model: Path, tmp_path: Path, cut: int) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(tiny_model.read_bytes()[:cut])
    with pytest.raises(ModelError, match="copy or export it again"):
        read_card(broken)


def test_text_is_no_model(tmp_path: Path) -> None:
    text = tmp_path / "notes.onnx"
    text.write_text("not a network\n" * 100)
    with pytest.raises(ModelError, match="not an ONNX model"):
        read_card(text)


def test_foreign_model(tiny_model: Path, tmp_path: Path) -> None:
    foreign = with_metadata(tiny_model, tmp_path / "foreign.onnx", {})
    with pytest.raises(ModelError, match="not one of tinct's"):
        read_card(foreign)


def test_graph_that_is_not_what_the_card_says(tiny_model: Path, tiny_chroma_model: Path, tmp_path: Path) -> None:
    card = read_card(tiny_model).to_json()
    mixed = with_metadata(tiny_chroma_model, tmp_path / "mixed.onnx", {"tinct": card})
    with pytest.raises(ModelError, match="promises luma in and logits out"):
        read_card(mixed)


def test_no_such_model_lists_the_shipped_ones(tmp_path: Path) -> None:
    for missing in ("nonesuch", tmp_path / "gone.onnx", tmp_path):
        with pytest.raises(ModelError, match="one of"):
            find_model(missing)


def test_shipped_models_are_found_by_name() -> None:
    assert list_models()
    for name in list_models():
        assert find_model(name) == MODELS / f"{name}.onnx"
        assert read_card(name).name == name


def test_reading_a_card_needs_neither_torch_nor_onnx(tiny_model: Path) -> None:
    script = (
        "import sys; sys.modules['torch'] = None; sys.modules['onnx'] = None\n"
        "from tinct.runtime.modelfile import read_card; print(read_card(sys.argv[1]).name)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tiny_model)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("tiny_bins\n", "")


def test_threads_that_wait_do_not_keep_cores_busy(tiny_model: Path) -> None:
    options = open_graph(tiny_model).get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
