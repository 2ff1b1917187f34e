"""The application: everything joined."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from tinct import __version__
from tinct.coloring.photo.colorizer import Colorizer
from tinct.recognize.classifier import Classifier
from tinct.web import problems
from tinct.web.edits import Edits
from tinct.web.engine import Engine
from tinct.web.gate import Admission, Gate
from tinct.web.jobs import Jobs
from tinct.web.routes import about, classify, photo, video
from tinct.web.routes import edits as edit_routes
from tinct.web.security import Guard, SafeHeaders
from tinct.web.service import Service
from tinct.web.settings import Limits
from tinct.web.store import Store

STATIC = Path(__file__).parent / "static"
OPENAPI = "/v1/openapi.json"
_DESCRIPTION = """Colours for black-and-white photographs and films.

Nothing that is sent leaves the machine, and everything is deleted when it has not been used for a while. No address is
ever fetched, and no file name that comes with a request is used. A request that cannot be answered gets
`{"error": ...}` in words. With a token set, send `Authorization: Bearer TOKEN`."""
# Bodies of all other requests are a few settings.
_SMALL_BODY = 2_000_000
_PHOTOS = ("/v1/colorize", "/v1/edits", "/v1/classify")
_FILMS = ("/v1/video",)
# Films may take this many times as long to come as photographs.
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
        colorizer: the network that serves all.
        classifiers: what recognises, the usual one first.
        limits: what is refused.
        token: that requests must bear; none is needed without it.
        names: host names the server answers to; any without them.
        temporary: where files are kept between start and end; the system's place for that without it.
    """
    chosen = limits or Limits()
    gate = Gate(at_once=chosen.at_once, waiting=chosen.waiting)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        store = Store(keep_seconds=chosen.keep_seconds, most_bytes=int(chosen.disk_mb * 1e6), parent=temporary)
        engine = Engine(colorizer, chosen)
        edits, jobs = Edits(engine, store, most=chosen.edits), Jobs(engine, store, waiting=chosen.films_waiting)
        service = Service(engine, store, gate, edits, jobs, named(classifiers))
        app.state.service = service
        sweeper = asyncio.create_task(_sweep(service))
        try:
            yield
        finally:
            sweeper.cancel()
            gate.close()
            await asyncio.to_thread(jobs.close)
            edits.close_all()
            store.close()

    app = FastAPI(
        title="tinct",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url=OPENAPI,
        docs_url=None,  # FastAPI's own pages load their scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        form_limits={"max_files": 2, "max_fields": 40, "max_part_size": 300_000},
    )
    for room in (photo, edit_routes, video, classify, about):
        app.include_router(room.router)
    app.add_api_route("/", _index, include_in_schema=False)
    protect(
        app,
        gate=gate,
        allowed=lambda path: _allowed(path, chosen),
        silent_seconds=chosen.silent_seconds,
        token=token,
        names=names,
    )
    return app


def protect(
    app: FastAPI,
    *,
    gate: Gate,
    allowed: Callable[[str], tuple[int, float]],
    silent_seconds: float,
    token: str | None,
    names: tuple[str, ...] | None,
) -> None:
    """Give an application its static files, words for errors, and what keeps it standing; see `Admission`, `Guard`."""
    problems.install(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    # The last one added sees a request first.
    app.add_middleware(Admission, gate=gate, allowed=allowed, silent_seconds=silent_seconds)
    app.add_middleware(Guard, token=token, names=names)
    app.add_middleware(SafeHeaders)


async def _index() -> FileResponse:
    return FileResponse(STATIC / "index.html")


def named(classifiers: Sequence[Classifier]) -> dict[str, Classifier]:
    """Return classifiers by the names of their files, numbered where two have the same."""
    by_name: dict[str, Classifier] = {}
    for classifier in classifiers:
        name, number = classifier.path.stem, 2
        while name in by_name:
            name, number = f"{classifier.path.stem}-{number}", number + 1
        by_name[name] = classifier
    return by_name


def _allowed(path: str, limits: Limits) -> tuple[int, float]:
    """Return the most bytes of a request's body, and the most seconds for it to come."""
    if path in _FILMS:
        return int(limits.film_mb * 1e6), _FILM_PATIENCE * limits.request_seconds
    return (int(limits.photo_mb * 1e6) if path in _PHOTOS else _SMALL_BODY), limits.request_seconds


async def _sweep(service: Service) -> None:
    """Delete again and again what was not used for too long."""
    while True:
        await asyncio.sleep(min(_SWEEP_SECONDS, service.engine.limits.keep_seconds / 2))
        service.jobs.keep_waiting()
        names = await asyncio.to_thread(service.store.sweep)
        for name in names:
            service.edits.close(name)
        service.jobs.forget(names)
        await asyncio.to_thread(_give_memory_back)


def _give_memory_back() -> None:
    """Let glibc give the system what its arenas hold and nobody uses; other systems do so by themselves."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
