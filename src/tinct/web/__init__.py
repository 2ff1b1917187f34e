"""The page, the HTTP API and the test of which picture is real; needs the extra `web`.

server.py     a socket, Uvicorn, and what is printed
app.py        the application: routes, limits, headers, words for errors
routes/       what is answered, one file a subject; service.py is what they share
edits.py jobs.py engine.py     what the routes work with: photographs being edited, films being made, what is received
gate.py security.py store.py kinds.py limits.py     what keeps a server standing
turing/       which one is real?
static/       the pages: plain HTML, CSS and JavaScript, nothing from elsewhere
"""

from __future__ import annotations

from importlib.util import find_spec

from tinct.errors import MissingExtraError

# What the extra brings, as it is imported.
_NEEDED = ("fastapi", "uvicorn", "python_multipart")


def check_extra(what: str) -> None:
    """Raise MissingExtraError where the extra `web` is not installed; `what` is the verb that needs it."""
    for name in _NEEDED:
        try:
            installed = find_spec(name) is not None
        except ValueError:  # barred: it stands in sys.modules as None
            installed = False
        if not installed:
            raise MissingExtraError("web", what)
