"""Every failure tinct reports, as one tree.

    TinctError
    ├── InputError        a file or array given to tinct cannot be used
    │   ├── UnreadableError     missing, truncated, empty, or no picture at all
    │   ├── TooLargeError       more pixels, or longer edges, than tinct will open
    │   └── AlreadyColorError   the picture already has colours and recolouring was not asked for
    ├── OutputError       a result cannot be written (folder, permission, disk full, already there)
    ├── SettingError      an option has a value that makes no sense
    ├── ModelError        a model file is missing, foreign, damaged or too new
    │   └── DivergedError       its network gives no finite numbers
    ├── DataError         a dataset cannot be prepared or read
    └── MissingExtraError the work needs an optional part of tinct that is not installed

Each message says what was wrong and what to do about it.
"""


class TinctError(Exception):
    """Base of every failure that tinct reports; its text is one line fit for a person."""


class InputError(TinctError):
    """A file or array given to tinct cannot be used."""


class UnreadableError(InputError):
    """The file is missing, truncated, empty, or not a picture."""


class TooLargeError(InputError):
    """The picture has more pixels, or longer edges, than tinct will open."""


class AlreadyColorError(InputError):
    """The picture already has colours, and recolouring was not asked for."""


class OutputError(TinctError):
    """A result cannot be written."""


class SettingError(TinctError, ValueError):
    """An option has a value that makes no sense."""


class ModelError(TinctError):
    """A model file is missing, foreign, damaged or too new."""


class DivergedError(ModelError):
    """The model's network gives no finite numbers, as one does whose training diverged."""


class DataError(TinctError):
    """A dataset cannot be prepared or read."""


class MissingExtraError(TinctError, ImportError):
    """The work needs an optional part of tinct that is not installed."""

    def __init__(self, extra: str, what: str) -> None:
        """Name the extra to install and what needs it."""
        super().__init__(f"{what} needs the extra '{extra}': run  pip install 'tinct[{extra}]'")
        self.extra, self.what = extra, what
