"""The command `tinct`, and `python -m tinct`: it hears signals before it imports anything that takes long."""

import atexit
import gc
import os
import sys

from tinct.stopping import said_if_stopped, stop_on_signals

# Python's own: objects made before it looks for some that refer to each other alone. Decoded frames are among these, so
# that looking less often costs a film of 1920x1080 110 MB.
_USUAL_COLLECTION = gc.get_threshold()
_M_ARENA_MAX = -8  # of glibc's malloc.h


def main() -> None:
    """Run the command line, as `tinct.cli.main`; told to stop while that is imported, say so."""
    stop_on_signals()
    # NumPy's matrices here are small, and several threads work already: beside these OpenBLAS's own, which wait in
    # loops, cost up to twenty times the work. It reads this as it is imported; worker processes inherit it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with said_if_stopped():
        from tinct.cli import main as run

        gc.set_threshold(*_USUAL_COLLECTION)
        _share_heaps()
        run()


def _share_heaps() -> None:
    """Have no more heaps than processor cores, if the C library is glibc.

    It gives every new thread a heap of its own, up to eight for each core, and each keeps some of what was freed there:
    a film of 1920x1080 took 110 MB more.
    """
    import ctypes  # both are imported by what the command line has imported

    from tinct.parallel import core_count

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, core_count())


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
