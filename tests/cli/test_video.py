"""`tinct video` as a person or a script sees it: real processes, killed and short of space too."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from cli import process
from media.video import clips
from tinct.errors import TinctError

TINCT = [*process.TINCT, "video"]
LONG = 620


def run(*arguments: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return process.run("video", *arguments, folder=folder, text=True)


def texture(number: int, *, seed: int = 1) -> np.ndarray:
    blocks = np.random.default_rng(seed).integers(40, 216, (clips.HEIGHT // 8, clips.WIDTH // 8 + 8))
    wide = np.kron(blocks, np.ones((8, 8))).astype(np.uint8)
    return np.ascontiguousarray(wide[:, number % 56 : number % 56 + clips.WIDTH])


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two shots of 20 frames each, the second one in colours, with sound."""
    tints = np.kron(np.random.default_rng(3).integers(60, 200, (2, 4, 6)), np.ones((1, 8, 8))).astype(np.uint8)

    def planes(number: int) -> tuple[np.ndarray, ...]:
        return (texture(number),) if number < 20 else (texture(number, seed=2), *tints)

    silent = clips.write_clip(tmp_path / "silent.mkv", codec="ffv1", planes=planes)
    film = clips.add_tracks(silent, tmp_path / "reel.mkv", sounds=[("aac", "deu")])
    silent.unlink()
    return film


def test_a_film_and_what_is_said_about_it(film: Path, tiny_model: Path) -> None:
    done = run(film, "--model", tiny_model, "--report")
    target = film.with_name("reel_color.mkv")
    assert done.returncode == 0
    assert done.stderr == (
        f"{film}: 1 of 2 shots have colours already and kept them (2); --recolor colours them anew\n"
    )
    first, second = done.stdout.splitlines()
    assert first.startswith(f"{film} -> {target}  96x64  40 frames  h264  ")
    assert second.startswith("flicker 0.")
    again = run(film, "--model", tiny_model)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == f"tinct: {target}: already exists; replace it with --overwrite (overwrite=True)\n"


def test_all_options_together_as_json(film: Path, tiny_model: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    done = run(
        *(film, "-o", target, "--model", tiny_model, "--temperature", "0.4", "--size", "64", "--denoise", "off"),
        *("--smoothing", "0.3,8", "--codec", "h264", "--crf", "30", "--preset", "ultrafast", "--bits", "10"),
        *("--sound", "none", "--start", "0.2", "--preview", "1", "--compare", "--recolor", "--runtime", "onnxruntime"),
        *("--threads", "1", "--hint", "0@50%,50%=#c02020", "--overwrite", "--report", "--json"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    row = json.loads(done.stdout)
    assert row.pop("seconds") > 0
    assert row.pop("flicker").keys() == {"error", "spread", "relative"}
    assert row == {
        "source": str(film),
        "target": str(target),
        "width": 192,
        "height": 64,
        "frames": 25,
        "resumed": 0,
        "model": "tiny_bins",
        "codec": "h264",
        "shots": [
            {"frame": 0, "seconds": 0.2, "colored": False},
            {"frame": 15, "seconds": 0.8, "colored": False},
        ],
        "notices": [],
        "problems": [],
    }
    with av.open(str(target)) as container:
        (stream,) = container.streams
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p10le")


def test_list_of_shots(film: Path) -> None:
    done = run(film, "--list-shots")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["1", "0:00:00.0", "frame", "0", "2", "0:00:00.8", "frame", "20"]
    rows = json.loads(run(film, "--list-shots", "--json").stdout)
    assert [(row["frame"], row["end"], row["seconds"]) for row in rows] == [(0, 20, 0.0), (20, None, 0.8)]
    assert [path.name for path in film.parent.iterdir()] == [film.name]


def test_a_folder_of_scans_for_a_purpose(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    for number in range(6):
        cv2.imwrite(str(tmp_path / "scans" / f"{number}.png"), texture(number))
    done = run(
        "scans", "--model", tiny_model, "--rate", "18", "--purpose", "archive", "--no-smoothing", folder=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "scans_color.mkv  96x64  6 frames  ffv1" in done.stdout
    with av.open(str(tmp_path / "scans_color.mkv")) as container:
        assert "smoothing off" in container.metadata["COMMENT"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{film}", "--preview", "1", "--end", "2"), "both say where to stop"),
        (("{film}", "--preview", "0"), "above 0 seconds"),
        (("{film}", "--smoothing", "much"), "smoothing must be"),
        (("{film}", "--hint", "3@1,2=#fff:darken"), "leave darken out"),
        (("{film}", "--hint", "9:00@1,2=#fff"), "the film ends before 540 seconds"),
        (("{film}", "-o", "{film}", "--overwrite"), "is the input itself"),
        (("{film}", "--shots", "text.mp4"), "text.mp4: is not valid JSON"),
        (("text.mp4",), "text.mp4: is not a film"),
        (("text.mp4", "--list-shots"), "text.mp4: is not a film"),
        (("gone.mp4",), "gone.mp4: cannot be opened"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    film: Path, tiny_model: Path, arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (film.parent / "text.mp4").write_text("no film\n" * 50)
    monkeypatch.chdir(film.parent)
    words = ["video", *(argument.format(film=film) for argument in arguments), "--model", tiny_model]
    with pytest.raises(TinctError, match=re.escape(said)) as error:
        process.run_here(*words, catch_exceptions=False)
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in film.parent.iterdir()) == ["reel.mkv", "text.mp4"]


def test_a_failure_is_one_line_of_the_process(tmp_path: Path) -> None:
    done = run("gone.mp4", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tinct: gone.mp4: cannot be opened")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def long_film(tmp_path: Path) -> Path:
    """Some shots, uneven times and sound: long enough for three parts."""
    silent = clips.write_clip(
        tmp_path / "silent.mkv",
        codec="ffv1",
        frames=LONG,
        planes=lambda number: (texture(number, seed=1 + number // 56),),
        times=clips.uneven,
        time_base=Fraction(1, 1000),
    )
    film = clips.add_tracks(silent, tmp_path / "long.mkv", sounds=[("aac", "deu")], seconds=LONG / 25)
    silent.unlink()
    return film


def stop(command: list[str], after: Path, number: int, deadline: float = 60) -> tuple[int, str]:
    """Start a run, send it a signal as soon as a file is there, and give its status and its last words."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + deadline
    while not after.exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.005)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    return process.returncode, said


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_killed_and_ended_it_goes_on_and_gives_the_same_film(long_film: Path, tiny_model: Path, tmp_path: Path) -> None:
    whole, target = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    options = ("--codec", "ffv1", "--model", tiny_model)
    assert run(long_film, "-o", whole, *options).returncode == 0
    command = [*TINCT, *map(str, (long_film, "-o", target, *options))]
    work = tmp_path / ".out.mkv.tinct-work"
    assert stop(command, work / "00000.npz", signal.SIGKILL) == (-signal.SIGKILL, "")
    assert not target.exists()
    status, said = stop(command, work / "00001.npz", signal.SIGTERM)
    assert status == 128 + signal.SIGTERM
    kept = re.fullmatch(rf"tinct: stopped; (\d+) frames are kept in {work}, the same command goes on .*\n", said)
    assert kept
    assert 500 <= int(kept[1]) < 520
    assert sorted(path.name for path in tmp_path.iterdir()) == [work.name, "long.mkv", "whole.mkv"]
    done = run(long_film, "-o", target, *options, "--json")
    row = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert 500 <= row["resumed"] < 520
    assert row["frames"] == LONG
    assert [shot["frame"] for shot in row["shots"]] == list(range(0, LONG, 56))
    for kind in ("video", "audio"):
        assert clips.packets_of(target, kind) == clips.packets_of(whole, kind)
    assert [time for time, _ in clips.packets_of(target, "video")] == [
        Fraction(clips.uneven(number), 1000) for number in range(LONG)
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.mkv", "out.mkv", "whole.mkv"]


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.argv = ["tinct", "video", *sys.argv[2:]]
from tinct.cli import main
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
def test_short_of_space_it_stops_cleanly_and_goes_on_later(tiny_model: Path, tmp_path: Path) -> None:
    # The second part is noise and does not fit.
    source = clips.write_clip(
        tmp_path / "in.mkv",
        codec="ffv1",
        frames=330,
        planes=lambda number: (texture(number) if number < 255 else clips.noise(number, (64, 96)),),
    )
    target = tmp_path / "out.mkv"
    arguments = list(map(str, (source, "-o", target, "--codec", "ffv1", "--model", tiny_model, "--json")))
    sizes = {}
    for limit in (100_000, 600_000):
        done = subprocess.run(
            [sys.executable, "-c", FULL, str(limit), *arguments], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("tinct: ")
        assert "cannot be written (File too large); free" in done.stderr
        assert done.stderr.count("\n") == 1
        sizes[limit] = [path.stat().st_size for path in tmp_path.glob(".out.mkv.tinct-work/*.frames")]
        assert not target.exists()
    assert sizes[100_000] == []
    assert len(sizes[600_000]) == 1
    done = run(*arguments)
    row = json.loads(done.stdout)
    assert (done.returncode, row["frames"]) == (0, 330)
    assert 250 <= row["resumed"] < 260
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.mkv"]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_progress_bar_only_on_a_terminal(film: Path, tiny_model: Path) -> None:
    master, slave = os.openpty()
    command = [*TINCT, str(film), "--model", str(tiny_model), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=slave, check=True, timeout=60)
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # which is how the end is told
        while part := os.read(master, 100_000):
            shown += part
    os.close(master)
    assert b"Colorizing" in shown
    assert b"40/40" in shown
    assert json.loads(done.stdout)["frames"] == 40


# The peak since the program began; `ru_maxrss` would be that of the process it was forked from, if higher.
MEMORY = """
import re, sys
from tinct.cli import main
sys.argv = ["tinct", *sys.argv[1:]]
try:
    main()
except SystemExit as done:
    assert not done.code
print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="knows memory in Linux's units")
def test_memory_does_not_grow_with_the_film(tiny_model: Path, tmp_path: Path) -> None:
    peaks = []
    for frames in (600, 2400):
        source = clips.write_clip(
            tmp_path / f"{frames}.mkv",
            frames=frames,
            size=(320, 240),
            planes=lambda number: (clips.scene(number, height=240, width=320),),
        )
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, "video", str(source), "--model", str(tiny_model)],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout.splitlines()[-1]))
    assert peaks[1] < peaks[0] + 25
