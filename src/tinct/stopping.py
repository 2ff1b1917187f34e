"""Stopping a run by a signal, with a line about which work is kept."""

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

_AGAIN_SECONDS = 0.2  # seconds until a signal is sent again whose exception C code that had called Python lost
_IMPORTING_SECONDS = 0.02  # seconds until a signal that came during an import is sent again
_LONGEST_IMPORT = 10.0  # seconds that a signal waits for an import
# Signals that come this soon after one count as the same one: timeout(1), for example, sends each twice.
_SAME_SECONDS = 1.0
_IMPORT = "<frozen importlib"  # file name of Python's own import code
GOES_ON = "the same command goes on"
_NOT_BEGUN = "nothing of this run is kept, existing files are unchanged; the same command starts again"
_BEGUN = f"what is finished is kept, {GOES_ON}"


class Stopped(SystemExit):
    """A signal told the process to end; the exit code is 128 + the signal's number.

    Attributes:
        said: whether the line about it was printed.
    """

    said = False

    def line(self) -> str:
        """Return the line for the user: which work is kept, as `kept_if_stopped` noted it."""
        default = [_BEGUN if _state.begun else _NOT_BEGUN]
        return "; ".join(["tinct: stopped", *(getattr(self, "__notes__", None) or default)])


class _State:
    """When signals came, the exception raised for them, and whether work has begun whose results are kept."""

    def __init__(self) -> None:
        self.first = self.last = -float("inf")
        self.stop: Stopped | None = None
        self.begun = False


_state = _State()


def stop_on_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP raise `Stopped` in the main thread, except those that the caller had ignored.

    A signal that comes during an import waits for its end: cleaning up needs whole modules, and C code that imports
    would swallow the exception or end the process.
    """
    outside = sys._getframe(1).f_back
    numbers = [getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")]  # Windows has no SIGHUP
    defaults = (signal.SIG_DFL, signal.default_int_handler)  # under nohup, SIGHUP is ignored instead
    handled = [number for number in numbers if number is not None and signal.getsignal(number) in defaults]
    if not handled:
        return

    def leave(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - _state.last < _SAME_SECONDS:
            return
        if now - _state.first > _LONGEST_IMPORT + _SAME_SECONDS:
            _state.first = now
        if _importing(frame, outside) and now - _state.first < _LONGEST_IMPORT:
            _thread.start_new_thread(_send, (number, _IMPORTING_SECONDS))
            return
        _state.last = now
        _state.stop = Stopped(128 + number)
        raise _state.stop

    for number in handled:
        signal.signal(number, leave)
    before = sys.unraisablehook

    def send_again(lost: UnraisableHookArgs) -> None:
        """Send the signal again whose exception C code, having called Python, could not pass on."""
        if isinstance(lost.exc_value, Stopped) and isinstance(lost.exc_value.code, int):
            _state.last = -float("inf")
            # Not threading.Thread, for whose end the interpreter would wait.
            _thread.start_new_thread(_send, (lost.exc_value.code - 128, _AGAIN_SECONDS))
        elif _state.stop is None:  # other failures do not matter while a stopped run cleans up
            before(lost)

    sys.unraisablehook = send_again


def _importing(frame: FrameType | None, outside: FrameType | None) -> bool:
    """Return whether a frame is part of an import that began inside the program."""
    while frame is not None and frame is not outside:
        if frame.f_code.co_filename.startswith(_IMPORT):
            return True
        frame = frame.f_back
    return False


def _send(number: int, after: float) -> None:
    """Send the main thread a signal after some seconds, which also wakes it from waiting."""
    time.sleep(after)
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, number)
    else:
        signal.raise_signal(number)


def raise_if_told() -> None:
    """Raise `Stopped` if the process was told to stop: errors that come after the signal are its consequences.

    A signal often goes to all processes of a group, and the death of a worker by it is not a failure of the work.
    """
    if _state.stop is not None:
        raise _state.stop from None


@contextmanager
def said_if_stopped(say: Callable[[str], object] = lambda line: print(line, file=sys.stderr)) -> Iterator[None]:
    """Print a line on stderr if a signal stops the block; of nested blocks, only the innermost prints.

    After the block there is nothing left to stop: a signal that comes while the interpreter ends ends the process at
    once, with the block's status.

    Args:
        say: prints the line.
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
    """Let the signals that raise `Stopped` end the process with a status; everything is printed by now."""
    status = code if isinstance(code, int) else 0 if code is None else 1

    def leave(number: int, frame: object) -> None:
        os._exit(status)

    for number in (signal.SIGINT, signal.SIGTERM):
        if getattr(signal.getsignal(number), "__module__", None) == __name__:
            signal.signal(number, leave)


def kept_in(place: object, what: str = "what is finished is", *, rest: str = "") -> str:
    """Return in words what is kept where, and that the same command goes on (with what `rest` says)."""
    return f"{what} kept in {place}, {GOES_ON}{rest}"


@contextmanager
def kept_if_stopped(kept: Callable[[], str]) -> Iterator[None]:
    """If a signal or Ctrl-C stops the block, note on the exception which work is kept and how to go on.

    Args:
        kept: returns that in words, without a full stop; called only if the block is stopped.
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
