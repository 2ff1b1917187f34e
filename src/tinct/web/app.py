"""The application: everything joined."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from tinct import __version__
from tinct.coloring.photo.colorizer import Colorizer
from tinct.recognize.classifier import Classifier
from tinct.web import problems
from tinct.web.framework import Application, Heads, check_fields
from tinct.web.gate import Admission, Allowance, Gate
from tinct.web.jobs import Jobs
from tinct.web.kept import MOST_REFERENCES
from tinct.web.open_photos import Edits
from tinct.web.routes import about, classify, photo, references, video
from tinct.web.routes import edits as edit_routes
from tinct.web.security import Guard, SafeHeaders
from tinct.web.service import Service
from tinct.web.settings import Limits
from tinct.web.store import Store

STATIC = Path(__file__).parent / "static"
_DESCRIPTION = """Colours for black-and-white photographs and films.

Everything that is sent stays on this machine, and is deleted when it has not been used for a while. The server never
fetches an address, and ignores file names in requests. A request that fails is answered with `{"error": ...}`, a
readable sentence. If the server has a token, send `Authorization: Bearer TOKEN`."""
# The most bytes in the body of any other request, which is a few settings.
_SMALL_BODY = 2_000_000
_PHOTOS = ("/v1/colorize", "/v1/edits", "/v1/classify")
_FILMS = ("/v1/video",)
_REFERENCE = "/references"  # the end of addresses to which references are sent, for an open photograph or a film
# The upload of a film may take this many times as long as that of a photograph.
_FILM_PATIENCE = 10
_SWEEP_SECONDS = 30.0


def create_app(
    colorizer: Colorizer,
    *,
    classifiers: Sequence[Classifier] = (),
    limits: Limits | None = None,
    token: str | None = None,
    names: tuple[str, ...] | None = None,
    temporary: Path | None = None,
) -> FastAPI:
    """Make the ASGI application with the page and the HTTP API.

    Args:
        colorizer: colours all photographs and films.
        classifiers: recognise pictures, the usual one first.
        limits: of what is accepted and kept.
        token: that each request must have; without it, requests need none.
        names: host names that the server answers to; without them, any.
        temporary: folder for files while the server runs; without it, the system's folder for temporary files.
    """
    chosen = limits or Limits()
    gate = Gate(at_once=chosen.at_once, waiting=chosen.waiting, share=chosen.visitor_share)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = _service(colorizer, classifiers, chosen, gate, temporary)
        app.state.service = service
        sweeper = asyncio.create_task(_sweep(service))
        try:
            yield
        finally:
            sweeper.cancel()
            gate.close()
            await asyncio.to_thread(service.jobs.close)
            service.edits.close()
            service.store.close()

    app = Application(
        title="tinct",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # FastAPI's own pages load their scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        form_limits={"max_files": 2 + MOST_REFERENCES, "max_fields": 40, "max_part_size": 300_000},
    )
    app.asks_token = token is not None
    for subject in (photo, edit_routes, video, references, classify, about):
        app.include_router(subject.router, dependencies=[Depends(check_fields)])
    add_page(app, "/", "index.html")
    add_page(app, "/docs", "docs.html")
    protect(app, gate=gate, allowed=_allowed, token=token, names=names)
    return app


def _service(
    colorizer: Colorizer, classifiers: Sequence[Classifier], limits: Limits, gate: Gate, temporary: Path | None
) -> Service:
    """Make a folder for files, and everything that works with it."""
    store = Store(keep_seconds=limits.keep_seconds, most_bytes=int(limits.disk_mb * 1e6), parent=temporary)
    edits = Edits(colorizer, store, most=limits.edits, share=limits.visitor_share)
    jobs = Jobs(colorizer, store, waiting=limits.films_waiting, share=limits.visitor_share)
    return Service(colorizer, named(classifiers), limits, store, gate, edits, jobs)


def protect(
    app: FastAPI,
    *,
    gate: Gate,
    allowed: Callable[[Scope], Allowance],
    token: str | None,
    names: tuple[str, ...] | None,
) -> None:
    """Add static files, answers to errors, and middleware to an application; for arguments see `Admission`, `Guard`."""
    problems.install(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    # The last one added sees a request first.
    app.add_middleware(Admission, gate=gate, allowed=allowed)
    app.add_middleware(Heads)
    app.add_middleware(Guard, token=token, names=names)
    app.add_middleware(SafeHeaders)


def add_page(app: FastAPI, path: str, name: str) -> None:
    """Add a page, a file of this name in the folder of static files, at an address."""

    async def page() -> FileResponse:
        return FileResponse(STATIC / name)

    app.add_api_route(path, page, include_in_schema=False)


def named(classifiers: Sequence[Classifier]) -> dict[str, Classifier]:
    """Return classifiers by the names of their files, numbered if two have the same."""
    by_name: dict[str, Classifier] = {}
    for classifier in classifiers:
        name, number = classifier.path.stem, 2
        while name in by_name:
            name, number = f"{classifier.path.stem}-{number}", number + 1
        by_name[name] = classifier
    return by_name


def _allowed(scope: Scope) -> Allowance:
    """Return what a request's body may be, by its address."""
    service: Service = scope["app"].state.service
    path, limits = scope["path"], service.limits
    seconds, silent = limits.request_seconds, limits.silent_seconds
    if path in _FILMS:
        return Allowance(int(limits.film_mb * 1e6), _FILM_PATIENCE * seconds, silent, service.store)
    if path in _PHOTOS or path.endswith(_REFERENCE):
        return Allowance(int(limits.photo_mb * 1e6), seconds, silent, service.store)
    return Allowance(_SMALL_BODY, seconds, silent)


async def _sweep(service: Service) -> None:
    """Delete, from time to time, what has not been used for too long."""
    while True:
        await asyncio.sleep(min(_SWEEP_SECONDS, service.limits.keep_seconds / 2))
        service.jobs.keep_waiting()
        service.jobs.remove_left()
        service.edits.remove_left()
        names = await asyncio.to_thread(service.store.sweep)
        for name in names:
            service.edits.remove(name)
        service.jobs.forget(names)
        await asyncio.to_thread(_release_memory)


def _release_memory() -> None:
    """Let glibc return unused memory to the system; other systems do so by themselves."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
