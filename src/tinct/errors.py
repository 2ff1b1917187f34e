"""Every failure tinct reports, as one tree, and the text of other errors on one line.

    TinctError
    ├── InputError        a file or array given to tinct cannot be used
    │   ├── UnreadableError     missing, truncated, empty, or not a picture
    │   ├── TooLargeError       more pixels, or longer edges, than tinct will open
    │   └── AlreadyColorError   the picture already has colours and recolouring was not asked for
    ├── OutputError       a result cannot be written (folder, permission, disk full, already there)
    ├── SettingError      an option has an invalid value
    ├── ModelError        a model file is missing, damaged, too new, or not tinct's
    │   └── DivergedError       its network's outputs are not finite
    ├── DataError         a dataset cannot be prepared or read
    └── MissingExtraError the work needs an optional part of tinct that is not installed

Each message says what was wrong and what to do about it.
"""


class TinctError(Exception):
    """Base of every failure that tinct reports; its text is one line, written for the user."""


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
    """An option has an invalid value."""


class ModelError(TinctError):
    """A model file is missing, damaged, too new, or not tinct's."""


class DivergedError(ModelError):
    """The network's outputs are not finite, because its training diverged."""


class DataError(TinctError):
    """A dataset cannot be prepared or read."""


class MissingExtraError(TinctError, ImportError):
    """The work needs an optional part of tinct that is not installed."""

    def __init__(self, extra: str, what: str) -> None:
        """Name the extra to install and what needs it."""
        super().__init__(f"{what} needs the extra '{extra}': run  pip install 'tinct[{extra}]'")
        self.extra, self.what = extra, what


def one_line(error: BaseException) -> str:
    """Return an error's text on one line."""
    return " ".join(str(error).split())
