"""A trained network as a file, and running it."""

from __future__ import annotations

from tinct.errors import SettingError

DEFAULT_MODEL = "photo"
RUNTIMES = ("auto", "onnxruntime", "openvino")
VIEWS = (1, 2, 4)  # numbers of views of a photograph that can be averaged, see `tinct.coloring.photo.prediction`


def check_running(*, runtime: str, threads: int | None) -> None:
    """Check the runtime of a network and its number of threads.

    Raises:
        SettingError: there is no such runtime, or `threads` is below 1.
    """
    if runtime not in RUNTIMES:
        raise SettingError(f"no runtime '{runtime}'; there are {', '.join(RUNTIMES)}")
    if threads is not None and threads < 1:
        raise SettingError(f"at least 1 thread is needed, not {threads}")
