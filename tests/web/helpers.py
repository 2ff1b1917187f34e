"""What the tests of the server share: pictures and films made here, and `tinct` in a process of its own."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from media.video import clips

HERE = "http://127.0.0.1"


def grey_picture(height: int = 120, width: int = 200) -> NDArray[Any]:
    y, x = np.mgrid[:height, :width]
    picture = 90 + 60 * np.sin(x / 17) + 40 * np.cos(y / 11)
    picture[height // 4 : height // 2, width // 5 : width // 2] = 210
    return picture.clip(0, 255).astype(np.uint8)


def encoded(suffix: str, pixels: NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(suffix, pixels)[1])


def decoded(data: bytes) -> NDArray[Any]:
    """Give (h, w, 3) sRGB of an encoded picture."""
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def photo_file(data: bytes, name: str = "x.png") -> dict[str, tuple[str, io.BytesIO, str]]:
    return {"file": (name, io.BytesIO(data), "application/octet-stream")}


def write_film(path: Path, *, frames: int, rate: int = 12) -> Path:
    """Write a grey film of 128 x 96 pixels that moves."""
    planes = lambda number: (np.roll(grey_picture(96, 128), 3 * number, axis=1),)  # noqa: E731
    second = {"time_base": Fraction(1, rate), "rate": Fraction(rate)}
    return clips.write_clip(path, frames=frames, planes=planes, size=(128, 96), **second)


def eventually(what: Callable[[], Any], *, seconds: float = 60) -> None:
    """Wait until something holds; fail if it does not within some seconds."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, f"still not after {seconds:g} seconds"
        time.sleep(0.05)


class Process:
    """A `tinct` that serves, in a process of its own."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-W", "error", "-m", "tinct", *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if found is None:
            self.process.kill()
            raise AssertionError(f"no address: {line!r} {self.process.communicate()}")
        self.url = found[0]
        self.port = int(re.search(r":(\d+)/", self.url)[1])  # type: ignore[index]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it; give exit status and what it said on stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@contextmanager
def serving(*arguments: str, env: dict[str, str] | None = None) -> Iterator[Process]:
    process = Process(*arguments, env=env)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.process.kill()
            process.process.communicate()
