"""The command `tinct`, and `python -m tinct`: it installs signal handlers before it imports anything slow."""

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
    """Run `tinct.cli.main`; a signal during its import is reported too."""
    stop_on_signals()
    # Our matrices are small, and several threads work already. OpenBLAS's own threads wait in busy loops, and beside
    # ours cost up to twenty times the work. OpenBLAS reads this when it is imported; worker processes inherit it.
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
    """Run `main` in a process that does nothing else.

    After the exit handlers have run, the process ends at once: to free every object took a tenth of the time of a small
    picture.
    """
    statuses: list[int] = []
    atexit.register(_leave, statuses)  # the handler registered first is called last
    gc.set_threshold(100_000, 20, 20)  # imports make many objects, none of them garbage
    try:
        main()
        statuses.append(0)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            statuses.append(end.code or 0)
        raise


def _leave(statuses: list[int]) -> None:
    """End the process with the status, if there is one; if output cannot be flushed, Python reports that itself."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return
    for status in statuses:
        os._exit(status)


if __name__ == "__main__":
    program()
