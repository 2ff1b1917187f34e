"""A run that is told to stop, and what it says of the work that is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopped(SystemExit):
    """The process was told to end by a signal; its code is 128 + the signal's number."""


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
