"""`POST /v1/video`: a film in, a job to watch, its colours to be fetched."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from tinct.coloring.film.hints import FilmHint
from tinct.media.video.film import Film
from tinct.web import pictures
from tinct.web.engine import MEDIA_TYPES, FilmSettings, read_film_hints
from tinct.web.jobs import Job, State
from tinct.web.problems import Problem, described
from tinct.web.routes.photo import Caution, Recolor, Size, Temperature, checked_size
from tinct.web.service import Shared

router = APIRouter(prefix="/v1", tags=["films"])

Purpose = Literal["archive", "master", "edit", "share", "small"]
_FILMS: dict[str, Any] = {kind: {} for kind in MEDIA_TYPES.values() if kind.startswith("video/")}
_ERRORS = described(404)
FilmHints = Annotated[
    str,
    Form(
        max_length=200_000,
        description="Colours at places, as JSON, each with the `frame` (from 0) or `time` (seconds) it is for.",
        examples=['[{"x": 25, "y": 60, "unit": "percent", "color": "#b03020", "time": 1.5}]'],
    ),
]
Smoothing = Annotated[Literal["motion", "paper", "off"], Form(description="How colours are held steady over time.")]
Sound = Annotated[
    Literal["copy", "encode", "none"], Form(description="Copy the sound, encode it anew, or leave it out.")
]


class JobInfo(BaseModel):
    """A film being made."""

    id: str = Field(description="What it is called by.")
    state: State = Field(description="held until it is started, then waiting, running, and done, failed or cancelled.")
    frames: int = Field(description="That are done.")
    total: int | None = Field(description="Frames there are, about; null where nothing says so.")
    seconds: float = Field(description="That the work took so far.")
    error: str | None = Field(description="What went wrong.")
    notices: list[str] = Field(description="What was done that one might not expect.")
    link: str = Field(description="Where to ask again.", examples=["/v1/jobs/q2V0pO3kq1yQ7aS8Z5n1Xg"])
    result: str | None = Field(description="Where to fetch the film, once it is done.")
    media_type: str | None = Field(description="Of the result.", examples=["video/mp4"])
    width: int = Field(description="Of the film that was sent, in pixels.")
    height: int
    duration: float | None = Field(description="Of the film that was sent, in seconds.")


class Start(BaseModel):
    """How a held film is to be coloured; what is left out stays as it was."""

    model_config = ConfigDict(extra="forbid")

    temperature: float | None = Field(default=None, gt=0, le=10, allow_inf_nan=False, examples=[0.4])
    caution: float | None = Field(default=None, ge=0, le=4, allow_inf_nan=False)
    recolor: bool | None = Field(default=None, description="Colour shots anew that have colours already.")


@router.post("/video", status_code=202, responses=described(409, 415, 503, 507))
async def colorize_film(
    request: Request,
    service: Shared,
    file: Annotated[UploadFile, File(description="MP4, MOV, MKV, WebM, AVI, MPEG, WMV, FLV or MXF.")],
    temperature: Temperature = None,
    caution: Caution = None,
    size: Size = None,
    purpose: Annotated[
        Purpose | None, Form(description="Codec and quality; by the film's container without it.")
    ] = None,
    smoothing: Smoothing = "motion",
    sound: Sound = "copy",
    start: Annotated[float | None, Form(ge=0, le=1e6, description="Leave out what comes before, in seconds.")] = None,
    end: Annotated[float | None, Form(gt=0, le=1e6, description="Leave out what comes from there on.")] = None,
    recolor: Recolor = False,
    hints: FilmHints = "",
    hold: Annotated[bool, Form(description="Only take the film; another request starts it.")] = False,
) -> JobInfo:
    """Send a film to be coloured. Ask at the job's link how far it is."""
    settings = FilmSettings(
        temperature=temperature,
        caution=caution,
        size=checked_size(service, size),
        purpose=purpose,
        smoothing=smoothing,
        sound=sound,
        start=start,
        end=end,
        recolor=recolor,
    )
    service.jobs.check_room()
    folder = service.store.make()

    def work() -> tuple[Film, tuple[FilmHint, ...]]:
        return service.engine.receive_film(file.file, folder), read_film_hints(hints, folder)

    try:
        film, found = await service.work(request, work)
        if await request.is_disconnected():  # nobody would ever ask for it
            raise Problem(499, "Whoever asked has gone.")
        return _info(service.jobs.add(folder, film, replace(settings, hints=found), hold=hold))
    except BaseException:
        service.jobs.forget([folder.name])
        service.store.remove(folder)
        raise


@router.get("/jobs/{name}", responses=_ERRORS)
async def job(service: Shared, name: str) -> JobInfo:
    """Say how far a film is."""
    return _info(service.jobs.find(name))


@router.post("/jobs/{name}/start", status_code=202, responses=described(404, 409))
async def start_job(service: Shared, name: str, start: Start) -> JobInfo:
    """Start a film that was held, or start it anew."""
    found = service.jobs.find(name)
    given = start.model_dump(exclude_none=True)
    service.jobs.start(found, replace(found.settings, **given))
    return _info(found)


@router.post("/jobs/{name}/cancel", responses=_ERRORS)
async def cancel_job(service: Shared, name: str) -> JobInfo:
    """Stop a film; it can be started again."""
    found = service.jobs.find(name)
    service.jobs.cancel(found)
    return _info(found)


@router.delete("/jobs/{name}", status_code=204, responses=_ERRORS)
async def delete_job(service: Shared, name: str) -> None:
    """Stop a film if need be, and delete all that was kept of it."""
    service.jobs.remove(service.jobs.find(name))


@router.get("/jobs/{name}/result", response_class=Response, responses={200: {"content": _FILMS}, **described(404, 409)})
async def job_result(service: Shared, name: str) -> Response:
    """Fetch a film that is done."""
    found = service.jobs.find(name)
    if found.target is None or found.state != "done":
        raise Problem(409, found.error or f"The film is not done: it is {found.state}.")
    media_type = MEDIA_TYPES.get(found.target.suffix, "application/octet-stream")
    # Without a name of its own, a browser takes the one that the page gives.
    return FileResponse(found.target, media_type=media_type)


@router.get(
    "/jobs/{name}/stills/{number}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **described(404, 409, 503)},
)
async def still(
    request: Request,
    service: Shared,
    name: str,
    number: int,
    temperature: Annotated[float | None, Query(gt=0, le=10, allow_inf_nan=False)] = None,
    caution: Annotated[float | None, Query(ge=0, le=4, allow_inf_nan=False)] = None,
    grey: Annotated[bool, Query(description="As it was sent.")] = False,
) -> Response:
    """Show one of four stills from all over the film, in colours: what settings do, before it is started."""
    found = service.jobs.find(name)

    def work() -> bytes:
        return service.jobs.with_still(
            found,
            number,
            lambda shown: pictures.jpeg(
                shown.grey() if grey else shown.preview(temperature=temperature, caution=caution)
            ),
        )

    return Response(await service.work(request, work), media_type="image/jpeg")


def _info(job: Job) -> JobInfo:
    done = job.state == "done" and job.target is not None
    duration = job.film.duration
    return JobInfo(
        id=job.name,
        state=job.state,
        frames=job.frames,
        total=job.total,
        seconds=round(job.seconds, 2),
        error=job.error,
        notices=list(job.notices),
        link=f"/v1/jobs/{job.name}",
        result=f"/v1/jobs/{job.name}/result" if done else None,
        media_type=MEDIA_TYPES.get(job.target.suffix) if job.target is not None else None,
        width=job.film.width,
        height=job.film.height,
        duration=None if duration is None else round(float(duration), 3),
    )
