"""A run that is told to stop by a signal, and what it says of the work that is kept."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from types import FrameType

# A signal is told again after so many seconds: where C code that had called Python lost it, and amid an import.
_AGAIN_SECONDS, _IMPORTING_SECONDS = 0.2, 0.02
_LONGEST_IMPORT = 10.0  # seconds that a signal waits for an import
# Signals that come so soon after one count as the same: timeout(1), for one, sends each twice.
_SAME_SECONDS = 1.0
_IMPORT = "<frozen importlib"  # the code that imports, with nothing of a module's own
_NOT_BEGUN = "nothing of this run is kept, what was there before is as it was; the same command begins again"
_BEGUN = "what is finished is kept, the same command goes on"


class Stopped(SystemExit):
    """The process was told to end by a signal; its code is 128 + the signal's number.

    Attributes:
        said: whether a line about it was printed.
    """

    said = False

    def line(self) -> str:
        """Return what a person is told: what of the work is kept, as `kept_if_stopped` noted it."""
        return "; ".join(["tinct: stopped", *(getattr(self, "__notes__", None) or [_state.known()])])


class _State:
    """What signals came, what was raised of them, and whether work that keeps something was begun."""

    def __init__(self) -> None:
        self.first = self.last = -float("inf")
        self.stop: Stopped | None = None
        self.begun = False

    def known(self) -> str:
        return _BEGUN if self.begun else _NOT_BEGUN


_state = _State()


def stop_on_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP raise `Stopped` in the main thread, except where the caller had them ignored.

    A signal that comes amid an import waits for its end: a half imported module would be no use to what cleans up, and
    C code that imports swallows what Python raises there, or leaves at once.
    """
    outside = sys._getframe(1).f_back
    numbers = [getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")]  # Windows has no SIGHUP
    ends = (signal.SIG_DFL, signal.default_int_handler)  # not where nohup ignores it
    heard = [number for number in numbers if number is not None and signal.getsignal(number) in ends]
    if not heard:
        return

    def leave(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - _state.last < _SAME_SECONDS:
            return
        if now - _state.first > _LONGEST_IMPORT + _SAME_SECONDS:
            _state.first = now
        if _importing(frame, outside) and now - _state.first < _LONGEST_IMPORT:
            _thread.start_new_thread(_tell, (number, _IMPORTING_SECONDS))
            return
        _state.last = now
        _state.stop = Stopped(128 + number)
        raise _state.stop

    for number in heard:
        signal.signal(number, leave)
    before = sys.unraisablehook

    def again(lost: UnraisableHookArgs) -> None:
        """Tell it again, where it was raised in Python that C code had called, which cannot pass it on."""
        if isinstance(lost.exc_value, Stopped) and isinstance(lost.exc_value.code, int):
            _state.last = -float("inf")
            _thread.start_new_thread(_tell, (lost.exc_value.code - 128, _AGAIN_SECONDS))  # which nothing waits for
        elif _state.stop is None:  # what fails while a stopped run cleans up is of no interest
            before(lost)

    sys.unraisablehook = again


def _importing(frame: FrameType | None, outside: FrameType | None) -> bool:
    """Return whether a frame is part of an import that began inside the program."""
    while frame is not None and frame is not outside:
        if frame.f_code.co_filename.startswith(_IMPORT):
            return True
        frame = frame.f_back
    return False


def _tell(number: int, after: float) -> None:
    """Send the main thread a signal after some seconds; it also wakes it from waiting."""
    time.sleep(after)
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, number)
    else:
        signal.raise_signal(number)


def raise_if_told() -> None:
    """Raise `Stopped` where the process was told to stop: an error that comes after it is of the stopping.

    A signal often goes to all processes of a group, and a worker that died of it is no fault of the work's.
    """
    if _state.stop is not None:
        raise _state.stop from None


@contextmanager
def said_if_stopped(say: Callable[[str], object] = lambda line: print(line, file=sys.stderr)) -> Iterator[None]:
    """Print a line on stderr about what stops the block; of several around each other, the innermost does.

    After the block there is nothing left to stop: a signal that comes while the interpreter ends leaves at once, with
    the status of the block.

    Args:
        say: prints it.
    """
    try:
        yield
    except Stopped as stop:
        if not stop.said:
            stop.said = True
            say(stop.line())
        _leave_at_once(stop.code)
        raise
    except SystemExit as end:
        _leave_at_once(end.code)
        raise


def _leave_at_once(code: object) -> None:
    """Let the signals that raise `Stopped` end the process, with a status; all it printed is out."""
    status = code if isinstance(code, int) else 0 if code is None else 1

    def leave(number: int, frame: object) -> None:
        os._exit(status)

    for number in (signal.SIGINT, signal.SIGTERM):
        if getattr(signal.getsignal(number), "__module__", None) == __name__:
            signal.signal(number, leave)


@contextmanager
def kept_if_stopped(kept: Callable[[], str]) -> Iterator[None]:
    """Note on what stops the block, a signal or Ctrl-C, which work is kept and how to go on.

    Args:
        kept: returns that in words, without a full stop; called only then.
    """
    _state.begun = True
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        stop.add_note(kept())
        raise
    except Exception:
        if _state.stop is not None:
            _state.stop.add_note(kept())
        raise_if_told()
        raise
