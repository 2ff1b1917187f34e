"""The page, the HTTP API and the test of which picture is real; needs the extra `web`.

server.py     a socket, Uvicorn, and what is printed
app.py        the application: routes, limits, headers, words for errors
photo.py edit_routes.py video.py classify.py about.py     the routes, by topic
edits.py jobs.py engine.py     what the routes work with: photographs being edited, films being made, the network
gate.py body.py security.py store.py kinds.py limits.py   what keeps a server standing
turing.py turing_trials.py turing_answers.py              which one is real?
static/       the pages: plain HTML, CSS and JavaScript, nothing from elsewhere
"""

from __future__ import annotations

from importlib.util import find_spec

from tinct.errors import MissingExtraError

# What the extra brings, as it is imported.
_NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")


def check_extra(what: str) -> None:
    """Make sure that the extra `web` is installed.

    Args:
        what: the verb that needs it, for the message.

    Raises:
        MissingExtraError: it is not.
    """
    for name in _NEEDED:
        try:
            found = find_spec(name) is not None
        except ValueError:  # barred: it stands in sys.modules as None
            found = False
        if not found:
            raise MissingExtraError("web", what)
