"""Ray for real: two worker processes on this machine, some of which die.

Ray is started once, with two of its CPUs, the smallest object store, and no dashboard: about 10 seconds on one core.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pyvips

from cli.process import TINCT
from tinct.actors import STORE_BYTES, TRIES, Engine, Pool, actor_map, chosen_processes
from tinct.coloring.photo import batch
from tinct.coloring.photo.batch import colorize_files
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.row import Outcome, Row, Worker
from tinct.coloring.photo.status import read_manifest
from tinct.coloring.photo.verdict import Step
from tinct.coloring.settings import Decoding, PhotoSettings
from tinct.errors import MissingExtraError, ModelError, SettingError, TinctError
from tinct.recognize.classifier import Classifier
from tinct.study.evaluate import evaluate

TWO = Pool(workers=2)
RAY = Engine(name="ray")


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="needs Ray: pip install 'tinct[ray]'")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        "local",
        num_cpus=2,
        object_store_memory=STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield
    ray.shutdown()


def mapped(make: Callable[[], Callable[[int], object]], count: int) -> list[object]:
    results = actor_map(make, range(count), known=lambda item: "known" if item == 0 else None, lost=str, pool=TWO)
    return list(results)


def dying_once(place: Path) -> Callable[[str], None]:
    """Return what kills the process with the first of those that meet a name."""

    def meet(name: str) -> None:
        try:
            (place / name).touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    return meet


def test_results_come_in_order_and_a_death_costs_a_try(ray: None, tmp_path: Path) -> None:
    meet, fatal = dying_once(tmp_path), 7

    def make() -> Callable[[int], object]:
        made: list[int] = []

        def work(item: int) -> object:
            made.append(item)
            if item in (3, 4):
                meet(str(item))
            if item == fatal:
                (tmp_path / f"fatal-{os.getpid()}").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return item * item, len(made)

        return work

    results = mapped(make, 30)
    assert results[0] == "known"
    assert results[fatal] == "7"  # what `lost` says
    others = [result for item, result in enumerate(results) if item not in (0, fatal)]
    assert [result[0] for result in others if isinstance(result, tuple)] == [
        item * item for item in range(30) if item not in (0, fatal)
    ]
    assert max(result[1] for result in others if isinstance(result, tuple)) > 1  # made once, used often
    assert len(list(tmp_path.glob("fatal-*"))) == TRIES


def test_errors_reach_the_caller(ray: None) -> None:
    def unmade() -> Callable[[int], object]:
        raise ModelError("no such model here")

    with pytest.raises(ModelError, match="no such model here"):
        mapped(unmade, 3)
    assert list(actor_map(unmade, [1, 2], known=str, lost=str, pool=TWO)) == ["1", "2"]  # none is made for these


def pictures(folder: Path, camera_png: Path, chelsea_png: Path) -> Path:
    folder.mkdir()
    camera = pyvips.Image.new_from_file(str(camera_png))
    for index, ending in enumerate((".jpg", ".png", ".tif", ".webp", ".jpg", ".jpg", ".png", ".jpg")):
        camera.resize(0.15 + 0.02 * index).write_to_file(str(folder / f"{index}{ending}"))
    pyvips.Image.new_from_file(str(chelsea_png)).write_to_file(str(folder / "cat.jpg"))
    (folder / "torn.jpg").write_bytes((folder / "0.jpg").read_bytes()[:500])
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("[!.]*") if path.is_file()}


def test_a_folder_has_the_same_bytes_from_either_engine_though_a_worker_dies(
    ray: None, tmp_path: Path, tiny_model: Path, camera_png: Path, chelsea_png: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    album = pictures(tmp_path / "album", camera_png, chelsea_png)
    settings = PhotoSettings(model=tiny_model, runtime="onnxruntime", compare=True)
    (tmp_path / "met").mkdir()
    meet = dying_once(tmp_path / "met")

    def dying(settings: PhotoSettings, root: Path, _: object) -> Callable[[Step], Outcome]:
        work = Worker(Colorizer(settings), settings, root=root)

        def first_die(step: Step) -> Outcome:
            if step.job.source.stem == "3":
                meet("3")
            return work(step)

        return first_die

    monkeypatch.setattr(batch, "_worker", dying)
    monkeypatch.chdir(tmp_path)

    def rows(out: str, engine: Engine) -> list[Row]:
        return colorize_files(["album"], output=out, settings=replace(settings, threads=2), engine=engine)

    local, spread = rows("local", Engine()), rows("spread", RAY)
    assert (tmp_path / "met" / "3").exists()

    def plain(row: Row, out: str) -> dict[str, object]:
        return {name: str(value).replace(out, "OUT") for name, value in row.to_json().items() if name != "seconds"}

    assert [plain(row, "spread") for row in spread] == [plain(row, "local") for row in local]
    assert [row.status for row in spread].count("colorized") == 8
    assert files(album.parent / "spread") == files(album.parent / "local")
    assert len(files(album.parent / "spread")) == 16
    kept = {Path(record.source).name: (record.status, record.sha256) for record in read_manifest("spread")}
    assert kept == {Path(record.source).name: (record.status, record.sha256) for record in read_manifest("local")}
    assert {record.engine for record in read_manifest("spread")} == {"ray"}
    again = colorize_files(["album"], output="spread", settings=replace(settings, compare=False), engine=RAY)
    assert [row.status for row in again].count("exists") == 8


@pytest.mark.slow
def test_evaluating_and_recognising_have_the_figures_of_one_process(
    ray: None, tmp_path: Path, tiny_model: Path, camera_png: Path, chelsea_png: Path
) -> None:
    album = pictures(tmp_path / "album", camera_png, chelsea_png)
    decoding = Decoding(runtime="onnxruntime", threads=2)
    one, spread = (
        evaluate([tiny_model], album, decoding=decoding, resamples=5, workers=2, engine=engine).to_json()
        for engine in (None, RAY)
    )
    assert spread["pictures"] == 9
    assert spread | {"seconds": 0} == one | {"seconds": 0}
    classifier = Classifier(Path(__file__).parent / "golden" / "tiny_classifier.onnx")
    files = sorted(album.iterdir()) * 5
    named = list(classifier.rows(files))
    assert [row.prediction is None for row in named].count(True) == 5
    assert list(classifier.rows(files, processes=chosen_processes(2, RAY))) == named


@pytest.mark.slow
def test_told_to_end_it_ends_ray_and_leaves_as_told(
    tmp_path: Path, tiny_model: Path, camera_png: Path, chelsea_png: Path
) -> None:
    pytest.importorskip("ray")
    album = pictures(tmp_path / "album", camera_png, chelsea_png)
    for index in range(60):
        (album / f"more{index}.png").write_bytes(camera_png.read_bytes())
    options = ("--model", str(tiny_model), "--runtime", "onnxruntime")
    command = [*TINCT, "colorize", str(album), "-o", str(tmp_path / "out"), *options]
    ray_command = [*command, "--engine", "ray", "--threads", "2"]
    process = subprocess.Popen(ray_command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 180
    while len(files(tmp_path / "out")) < 4 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    assert process.wait(timeout=60) == 143
    done = files(tmp_path / "out")
    assert 4 <= len(done) < 68
    again = subprocess.run([*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    statuses = [json.loads(line)["status"] for line in again.stdout.splitlines()]
    assert (statuses.count("exists"), statuses.count("colorized")) == (len(done), 68 - len(done))


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tinct\[ray\]'"):
        mapped(lambda: str, 2)


def test_no_cluster_at_an_address_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    errors: list[Exception] = [ConnectionError("Could not find any running Ray instance."), Exception("timed out")]

    def refuse(*_: object, **__: object) -> None:
        raise errors.pop(0)

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(SettingError, match=r"10.0.0.5:6379: no Ray there .* ray start --head"):
        list(actor_map(lambda: str, [1], known=lambda _: None, lost=str, pool=Pool(address="10.0.0.5:6379")))
    with pytest.raises(TinctError, match=r"this machine: Ray does not start \(timed out\)"):
        mapped(lambda: str, 2)
