"""A trained network as a file, and running it."""

from __future__ import annotations

from tinct.errors import SettingError

DEFAULT_MODEL = "photo"
RUNTIMES = ("auto", "onnxruntime", "openvino")
VIEWS = (1, 2, 4)  # of a photograph, see `tinct.coloring.photo.prediction`


def check_running(*, runtime: str, threads: int | None) -> None:
    """Check what is to run a network, on how many threads.

    Raises:
        SettingError: no such runtime, or fewer than 1 thread.
    """
    if runtime not in RUNTIMES:
        raise SettingError(f"no runtime '{runtime}'; there are {', '.join(RUNTIMES)}")
    if threads is not None and threads < 1:
        raise SettingError(f"at least 1 thread is needed, not {threads}")
