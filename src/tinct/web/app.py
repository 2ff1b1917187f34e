"""The application: everything joined."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from tinct import __version__
from tinct.coloring.photo.colorizer import Colorizer
from tinct.recognize.classifier import Classifier
from tinct.web import problems
from tinct.web.body import Admission
from tinct.web.edits import Edits
from tinct.web.engine import Engine
from tinct.web.gate import Gate
from tinct.web.jobs import Jobs
from tinct.web.limits import Limits
from tinct.web.metrics import Measured, Metrics
from tinct.web.routes import about, classify, photo, video
from tinct.web.routes import edits as edit_routes
from tinct.web.security import Guard, SafeHeaders
from tinct.web.service import Service
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
# Films may take so many times as long to come as photographs.
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
    """Make the application with the page and the HTTP API.

    Args:
        colorizer: the network that serves all.
        classifiers: what recognises, the usual one first.
        limits: what is refused.
        token: that requests must bear; none is needed without it.
        names: host names the server answers to; any without them.
        temporary: where files are kept for a while; the system's place for that without it.

    Returns:
        An ASGI application; its files are made when it starts and deleted when it ends.
    """
    chosen = limits or Limits()
    gate = Gate(at_once=chosen.at_once, waiting=chosen.waiting)
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        store = Store(keep_seconds=chosen.keep_seconds, most_bytes=int(chosen.disk_mb * 1e6), parent=temporary)
        service = _service(Engine(colorizer, chosen), store, gate, metrics, named(classifiers))
        app.state.service = service
        sweeper = asyncio.create_task(_sweep(service))
        try:
            yield
        finally:
            sweeper.cancel()
            gate.close()
            await asyncio.to_thread(service.jobs.close)
            service.edits.close_all()
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
    problems.install(app)
    for room in (photo, edit_routes, video, classify, about):
        app.include_router(room.router)
    app.add_api_route("/", _index, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    # The last one added sees a request first.
    app.add_middleware(
        Admission,
        gate=gate,
        most_bytes=lambda path: _allowed(path, chosen)[0],
        most_seconds=lambda path: _allowed(path, chosen)[1],
        silent_seconds=chosen.silent_seconds,
    )
    app.add_middleware(Guard, token=token, names=names)
    app.add_middleware(SafeHeaders)
    app.add_middleware(Measured, metrics=metrics)
    return app


async def _index() -> FileResponse:
    return FileResponse(STATIC / "index.html")


def named(classifiers: Sequence[Classifier]) -> dict[str, Classifier]:
    """Give classifiers by the names of their files, numbered where two are called alike."""
    found: dict[str, Classifier] = {}
    for classifier in classifiers:
        name, number = classifier.path.stem, 2
        while name in found:
            name, number = f"{classifier.path.stem}-{number}", number + 1
        found[name] = classifier
    return found


def _service(engine: Engine, store: Store, gate: Gate, metrics: Metrics, classifiers: dict[str, Classifier]) -> Service:
    limits = engine.limits
    edits = Edits(engine, store, most=limits.edits)
    jobs = Jobs(engine, store, waiting=limits.films_waiting)
    metrics.watch(
        {
            "tinct_requests_inside": ("Requests in work, waiting or on their way in.", lambda: gate.inside),
            "tinct_requests_working": ("Pieces of work in threads.", lambda: gate.working),
            "tinct_edits_open": ("Photographs open for editing.", edits.count),
            "tinct_films_waiting": ("Films that wait.", lambda: jobs.count("waiting")),
            "tinct_films_running": ("Films in work.", lambda: jobs.count("running")),
            "tinct_stored_bytes": ("Bytes of files kept.", store.size),
        }
    )
    return Service(
        engine=engine,
        limits=limits,
        store=store,
        gate=gate,
        edits=edits,
        jobs=jobs,
        metrics=metrics,
        classifiers=classifiers,
    )


def _allowed(path: str, limits: Limits) -> tuple[int, float]:
    """Give the most bytes of a request's body, and the most seconds for it to come."""
    if path in _FILMS:
        return limits.film_bytes, _FILM_PATIENCE * limits.request_seconds
    return (limits.photo_bytes if path in _PHOTOS else _SMALL_BODY), limits.request_seconds


async def _sweep(service: Service) -> None:
    """Delete again and again what was not used for too long."""
    while True:
        await asyncio.sleep(min(_SWEEP_SECONDS, service.limits.keep_seconds / 2))
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
