"""A run that is told to stop by a signal, and what it says of the work that is kept."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

# Where C code that had called Python lost it, the signal is told again after so many seconds.
_AGAIN_SECONDS = 0.2


class Stopped(SystemExit):
    """The process was told to end by a signal; its code is 128 + the signal's number."""


def stop_on_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP raise `Stopped` in the main thread, except where the caller had them ignored."""

    def leave(number: int, frame: object) -> None:
        raise Stopped(128 + number)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        ends = (signal.SIG_DFL, signal.default_int_handler)  # not where nohup ignores it
        if number is not None and signal.getsignal(number) in ends:
            signal.signal(number, leave)
    before = sys.unraisablehook

    def again(lost: UnraisableHookArgs) -> None:
        """Tell it again, where it was raised in Python that C code had called, which cannot pass it on."""
        if isinstance(lost.exc_value, Stopped) and isinstance(lost.exc_value.code, int):
            _thread.start_new_thread(_tell, (lost.exc_value.code - 128,))  # which nothing here waits for
        else:
            before(lost)

    sys.unraisablehook = again


def _tell(number: int) -> None:
    """Send the main thread a signal after a moment; it also wakes it from waiting."""
    time.sleep(_AGAIN_SECONDS)
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, number)
    else:
        signal.raise_signal(number)


@contextmanager
def kept_if_stopped(kept: Callable[[], str]) -> Iterator[None]:
    """Note on what stops the block, a signal or Ctrl-C, which work is kept and how to go on.

    Args:
        kept: returns that in words, without a full stop; called only then.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        stop.add_note(kept())
        raise
