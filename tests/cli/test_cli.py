"""The command line as a person or a script sees it: real processes on real pictures."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import pyvips
from typer.testing import CliRunner

import tinct
from cli.process import TINCT, run
from photographs import photograph, toned, write_picture
from tinct.cli import build
from tinct.coloring.photo.manifest import PLACE

VERBS = (
    *("colorize", "status", "suggest", "video", "demo", "models"),
    *("evaluate", "bins", "calibrate", "prepare", "train", "export"),
)


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout.decode()) == (0, f"tinct {tinct.__version__}\n")


def test_help_lists_every_verb() -> None:
    done = run("--help")
    assert done.returncode == 0
    for verb in VERBS:
        assert f" {verb} " in done.stdout.decode()


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb_speaks_alike(verb: str) -> None:
    done = CliRunner().invoke(build(only=verb), [verb, "--help"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert "Examples:" in done.stdout
    assert f"tinct {verb}" in done.stdout.partition("Examples:")[2]


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys, tinct.cli\ntry: tinct.cli.main()\nexcept SystemExit: pass\n"
        "names = 'torch lightning onnxruntime openvino cv2 pyvips scipy av numpy matplotlib'.split()\n"
        "print('LOADED', [name for name in names if name in sys.modules])"
    )
    for arguments in (["--help"], ["colorize", "--help"], ["video", "--help"], ["train", "--help"], ["--version"]):
        done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout.endswith("LOADED []\n")


def test_a_verb_alone_is_there_sooner_than_all() -> None:
    script = (
        "import sys, tinct.cli\ntry: tinct.cli.main()\nexcept SystemExit: pass\n"
        "print('LOADED', sorted(name[10:] for name in sys.modules if name.startswith('tinct.cli.')))\n"
        "print('pydantic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "status", "nowhere", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "LOADED ['options', 'output', 'plain', 'status']\nFalse\n"
    wrong = run("modles", "--help")
    assert wrong.returncode == 2
    assert b"models" in wrong.stderr


@pytest.mark.parametrize(("asked", "threads"), [(None, 1), ("2", min(2, os.cpu_count() or 1))])
def test_numpy_multiplies_in_one_thread_unless_told(asked: str | None, threads: int) -> None:
    script = (
        "import sys, tinct.__main__\ntry: tinct.__main__.main()\nexcept SystemExit: pass\n"
        "import numpy, threadpoolctl\n"
        "print('THREADS', {pool['num_threads'] for pool in threadpoolctl.threadpool_info()})"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    if asked:
        environment["OPENBLAS_NUM_THREADS"] = asked
    command = [sys.executable, "-c", script, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.endswith(f"THREADS {{{threads}}}\n")


def test_one_file(album: Path, tiny_model: Path) -> None:
    done = run("colorize", album / "one.jpg", "--model", tiny_model)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().startswith(f"{album / 'one_color.jpg'}  154x154  ")
    assert pyvips.Image.new_from_file(str(album / "one_color.jpg")).bands == 3


def test_folder_with_failures_goes_on(album: Path, tiny_model: Path, tmp_path: Path) -> None:
    (album / "bad.jpg").write_text("text")
    done = run("colorize", album, "gone.png", "-o", tmp_path / "out", "--model", tiny_model, "--json")
    assert (done.returncode, done.stderr) == (1, b"")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(Path(row["source"]).name, row["status"]) for row in rows] == [
        ("bad.jpg", "failed"),
        ("one.jpg", "colorized"),
        ("two.png", "colorized"),
        ("gone.png", "failed"),
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [PLACE, "one_color.jpg", "two_color.png"]
    again = run("colorize", album, "-o", tmp_path / "out", "--model", tiny_model)
    assert again.returncode == 1
    assert again.stdout == b""
    said = again.stderr.decode().splitlines()
    assert [line.partition(":")[0] for line in said] == ["failed", "exists", "exists", "2 there already; 1 failed"]


def test_the_last_line_counts_what_was_not_looked_at(album: Path, tiny_model: Path, tmp_path: Path) -> None:
    for name in ("notes.txt", ".hidden.txt", "letters.pdf"):
        (album / name).write_text("text")
    os.mkfifo(album / "pipe.jpg")
    (album / "more").mkdir()
    (album / "more" / "deep.txt").write_text("text")
    done = run("colorize", album, "-o", tmp_path / "out", "--model", tiny_model)
    last = done.stderr.decode().splitlines()[-1]
    assert last == "2 colorized; 3 other files not looked at; 1 subfolder not looked at"
    done = run("colorize", album, "-o", tmp_path / "out", "-r", "--model", tiny_model)
    assert done.stderr.decode().splitlines()[-1] == "2 there already; 4 other files not looked at"


def test_all_options_together(album: Path, tiny_model: Path, tmp_path: Path) -> None:
    done = run(
        *("colorize", album / "*.jpg", "-o", tmp_path / "out", "--model", tiny_model, "--temperature", "0.4"),
        *("--size", "96", "--denoise", "off", "--runtime", "onnxruntime", "--threads", "1", "--recursive"),
        *("--compare", "--confidence", "--recolor", "--overwrite", "--json"),
    )
    assert (done.returncode, done.stderr) == (0, b"")
    (row,) = [json.loads(line) for line in done.stdout.splitlines()]
    for key, name in (("target", "one_color"), ("sheet", "one_color_sheet"), ("confidence", "one_color_confidence")):
        assert row[key] == str(tmp_path / "out" / f"{name}.jpg")
        assert Path(row[key]).is_file()


def test_denoise_takes_a_number(album: Path, tiny_model: Path) -> None:
    assert run("colorize", album / "one.jpg", "--model", tiny_model, "--denoise", "5").returncode == 0


def test_standard_input_to_standard_output(camera_png: Path, tiny_model: Path) -> None:
    done = run("colorize", "-", "--model", tiny_model, data=camera_png.read_bytes())
    assert done.returncode == 0
    assert done.stderr.startswith(b"-  512x512  ")
    image = pyvips.Image.new_from_buffer(done.stdout, "")
    assert (image.width, image.height, image.bands) == (512, 512, 3)
    done = run("colorize", "-", "--model", tiny_model, "--json", data=camera_png.read_bytes())
    assert (json.loads(done.stderr)["source"], json.loads(done.stderr)["target"]) == ("-", None)


def test_standard_input_to_a_file_has_its_row_on_standard_output(
    camera_png: Path, tiny_model: Path, tmp_path: Path
) -> None:
    command = ("colorize", "-", "-o", tmp_path / "x.png", "--model", tiny_model)
    done = run(*command, "--json", data=camera_png.read_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["target"] == str(tmp_path / "x.png")
    refused = run(*command, "--recursive", data=camera_png.read_bytes())
    assert (refused.returncode, refused.stderr.count(b"--recursive")) == (1, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("-",), ("-", "-o", "x.png"), ("one.jpg",), ("one.jpg", "--json")])
def test_a_full_standard_output_is_one_line(
    album: Path, camera_png: Path, tiny_model: Path, arguments: tuple[str, ...]
) -> None:
    command = [*TINCT, "colorize", *arguments, "--model", str(tiny_model)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command,
            input=camera_png.read_bytes(),
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=album,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"tinct: standard output: cannot be written (No space left")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names of any bytes")
def test_names_that_are_no_utf8_reach_the_screen_and_the_pipe(album: Path, tiny_model: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    (album / "one.jpg").rename(album / name)
    done = run("colorize", album, "--model", tiny_model)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"caf\xe9_color.jpg  " in done.stdout
    again = run("colorize", album, "--model", tiny_model, "--json")
    assert (again.returncode, again.stderr) == (0, b"")
    sources = [json.loads(line)["source"] for line in again.stdout.splitlines()]
    assert str(album / name) in sources
    (album / name).write_bytes(b"")
    failed = run("colorize", album, "--model", tiny_model, "--overwrite")
    assert b"caf\\udce9.jpg" in failed.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("colorize", "one.jpg", "--model", "nonesuch"),
        ("colorize", "one.jpg", "--model", "one.jpg"),
        ("colorize", "one.jpg", "--model", "{model}", "--temperature", "-1"),
        ("colorize", "one.jpg", "--model", "{model}", "--temperature", "nan"),
        ("colorize", "one.jpg", "--model", "{model}", "--size", "0"),
        ("colorize", "one.jpg", "--model", "{model}", "--denoise", "much"),
        ("colorize", "one.jpg", "--model", "{model}", "--runtime", "abacus"),
        ("colorize", "one.jpg", "--model", "{model}", "--threads", "0"),
        ("colorize", "one.jpg", "two.png", "--model", "{model}", "-o", "x.jpg"),
        ("colorize", "-", "two.png", "--model", "{model}"),
        ("models", "nonesuch"),
    ],
)
def test_wrong_settings_are_one_line(album: Path, tiny_model: Path, arguments: tuple[str, ...]) -> None:
    done = run(*(argument.format(model=tiny_model) for argument in arguments), folder=album)
    assert (done.returncode, done.stdout) == (1, b"")
    said = done.stderr.decode()
    assert said.startswith("tinct: ")
    assert said.count("\n") == 1
    assert sorted(path.name for path in album.iterdir()) == ["one.jpg", "two.png"]


def test_unknown_option_and_missing_argument() -> None:
    assert run("colorize", "x.jpg", "--nonsense").returncode == 2
    assert run("colorize").returncode == 2


def test_models_and_their_cards(tiny_model: Path) -> None:
    assert run("models").returncode == 0
    shown = run("models", tiny_model)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert b"12 colour bins in yuv" in shown.stdout
    card = json.loads(run("models", tiny_model, "--json").stdout)
    assert (card["name"], card["multiple"], len(card["bins"]["centers"])) == ("tiny_bins", 8, 12)


def test_demo(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    pytest.importorskip("sklearn")
    done = run("demo", "-o", tmp_path / "look", "--model", tiny_model)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    names = ("camera", "rocket", "chelsea", "coffee", "astronaut", "china", "flower")
    assert len(lines) == len(names)
    for name, line in zip(names, lines, strict=True):
        for file in (f"{name}_color.png", f"{name}_color_sheet.png"):
            assert str(tmp_path / "look" / file) in line
            assert (tmp_path / "look" / file).is_file()
        assert line.endswith(" s")
    # Before, after and the truth for a colour photograph; no truth for one that was always grey.
    camera = pyvips.Image.new_from_file(str(tmp_path / "look" / "camera_color_sheet.png"))
    assert (camera.width, camera.height) == (2 * 512 + 8, 512)
    chelsea = pyvips.Image.new_from_file(str(tmp_path / "look" / "chelsea_color_sheet.png"))
    assert (chelsea.width, chelsea.height) == (3 * 451 + 2 * 8, 300)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_interrupted_it_leaves_no_half_file_and_goes_on_later(
    album: Path, tiny_model: Path, tmp_path: Path, name: str, status: int
) -> None:
    pyvips.Image.new_from_file(str(album / "one.jpg")).resize(5).write_to_file(str(album / "more00.png"))
    for index in range(1, 28):
        shutil.copy(album / "more00.png", album / f"more{index:02}.png")
    out = tmp_path / "out"
    arguments = ["colorize", str(album), "-o", str(out), "--model", str(tiny_model)]
    asked = getattr(signal, name)
    process = subprocess.Popen(
        [*TINCT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Whatever runs these tests in the background, as nohup does, may have had this signal ignored.
        preexec_fn=lambda: signal.signal(asked, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (out.is_dir() and len(list(out.glob("*_color.png"))) >= 3):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(asked)
    _, said = process.communicate(timeout=60)
    assert process.returncode == status
    done = [path for path in out.iterdir() if path.name != PLACE]
    *_, line = said.decode().splitlines()
    told = re.fullmatch(r"tinct: stopped; (\d+) of 30 pictures are done and kept, the same command goes on .*", line)
    assert told
    assert 1 <= int(told[1]) <= len(done)  # one that is written may not be noted yet
    assert 3 <= len(done) < 30
    for path in done:
        assert "_color." in path.name
        pyvips.Image.new_from_file(str(path), fail_on="warning").avg()
    again = run(*arguments, "--json")
    assert again.returncode == 0
    statuses = [json.loads(line)["status"] for line in again.stdout.splitlines()]
    assert (len(statuses), statuses.count("exists")) == (30, len(done))


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_progress_bar_only_on_a_terminal_and_rows_stay_in_the_pipe(album: Path, tiny_model: Path) -> None:
    master, slave = os.openpty()
    command = [*TINCT, "colorize", str(album), "--model", str(tiny_model), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=slave, check=True, timeout=60)
    os.close(slave)
    shown = os.read(master, 100_000)
    os.close(master)
    assert b"Colorizing" in shown
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 2


def test_a_model_that_diverged_writes_no_black_pictures(album: Path, diverged_model: Path, tmp_path: Path) -> None:
    done = run("colorize", album / "one.jpg", "-o", tmp_path / "out.png", "--model", diverged_model)
    assert done.returncode == 1
    assert b"not finite" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out.png").exists()


def test_grey_and_toned_photographs_are_colored_and_colored_ones_left_alone(tiny_model: Path, tmp_path: Path) -> None:
    for name, kind in (("camera", "grey"), ("coins", "sepia"), ("moon", "faded"), ("page", "cyanotype")):
        print_ = toned(photograph(name)[..., 0] / 255, kind)
        write_picture(tmp_path / "old" / f"{name}.jpg", (print_.clip(0, 1) * 255).round())
    for name in ("coffee", "flower"):
        write_picture(tmp_path / "old" / f"{name}.jpg", photograph(name))
    done = run("colorize", tmp_path / "old", "-o", tmp_path / "new", "--model", tiny_model, "--json")
    assert done.returncode == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {Path(row["source"]).stem: row["status"] for row in rows} == {
        **dict.fromkeys(("camera", "coins", "moon", "page"), "colorized"),
        **dict.fromkeys(("coffee", "flower"), "skipped"),
    }
