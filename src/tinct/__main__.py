"""The command `tinct`, and `python -m tinct`: it hears signals before it imports anything that takes long."""

import atexit
import gc
import os
import sys

from tinct.stopping import said_if_stopped, stop_on_signals


def main() -> None:
    """Run the command line, as `tinct.cli.main`; told to stop while that is imported, say so."""
    stop_on_signals()
    # NumPy's matrices here are small, and several threads work already: beside these OpenBLAS's own, which wait in
    # loops, cost up to twenty times the work. It reads this as it is imported; worker processes inherit it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with said_if_stopped():
        from tinct.cli import main as run

        run()


def program() -> None:
    """Run the command line as all that this process does; see `main`.

    When it has ended and all that was to be done at the end is done, the process leaves without taking everything down
    piece by piece: of a small picture's time that took a tenth.
    """
    ended: list[int] = []
    atexit.register(_leave, ended)  # what is registered first is called last
    gc.set_threshold(100_000, 20, 20)  # imports make many objects and leave nothing to be collected
    try:
        main()
        ended.append(0)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            ended.append(end.code or 0)
        raise


def _leave(ended: list[int]) -> None:
    """Leave at once, with the status of what has ended; where output fails, or nothing ended, Python says so itself."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return
    for status in ended:
        os._exit(status)


if __name__ == "__main__":
    program()
