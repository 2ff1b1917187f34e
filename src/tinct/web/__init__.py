"""The page, the HTTP API and the test of which picture is real; needs the extra `web`.

settings.py    limits of a server, and how a session of "which one is real?" goes
server.py      a socket and Uvicorn
app.py         the application: routes, middleware, answers to errors
routes/        one file a subject; service.py holds what they share
receive.py     files and hints that are sent
edits.py       photographs open for editing
jobs.py        films to colour
pictures.py    small pictures for a screen
gate.py security.py store.py problems.py     limit the work, check who asks, keep files, answer errors
turing/        which one is real?
static/        the pages: plain HTML, CSS and JavaScript, nothing from elsewhere
"""

from __future__ import annotations

from importlib.util import find_spec

from tinct.errors import MissingExtraError

_NEEDED = ("fastapi", "uvicorn", "python_multipart")  # the packages of the extra, by the names they are imported by


def check_extra(what: str) -> None:
    """Raise MissingExtraError if the extra `web` is not installed; `what` is the verb that needs it."""
    for name in _NEEDED:
        try:
            installed = find_spec(name) is not None
        except ValueError:  # blocked: sys.modules holds None for it
            installed = False
        if not installed:
            raise MissingExtraError("web", what)
