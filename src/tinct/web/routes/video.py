"""`POST /v1/video`: a film in, a job to watch, and its result to fetch."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from tinct.coloring.hints.hint import FilmHint
from tinct.coloring.photo.editor import Editor
from tinct.coloring.settings import VideoSettings
from tinct.media.video.film import Film
from tinct.web import pictures
from tinct.web.jobs import Job, State
from tinct.web.kept import MOST_REFERENCES, References, check_count
from tinct.web.problems import Problem, described
from tinct.web.receive import MEDIA_TYPES, check_size, read_film_hints, receive_film
from tinct.web.routes.edits import (
    JPEG,
    FromLeft,
    FromTop,
    HintValue,
    ReferenceName,
    ReferenceNames,
    Strengths,
    Suggestion,
    colors_at,
)
from tinct.web.routes.photo import Caution, Recolor, ReferencePictures, Saturation, Size, Temperature
from tinct.web.service import FilmStill, Leave, SentFilm, Shared, Visitor

router = APIRouter(prefix="/v1", tags=["films"])

_FILMS: dict[str, Any] = {kind: {} for kind in MEDIA_TYPES.values() if kind.startswith("video/")}
_ERRORS = described(404)

Purpose = Annotated[
    Literal["archive", "master", "edit", "share", "small"] | None,
    Form(description="Purpose that decides codec and quality; without it, the film's own container decides."),
]


SmoothingWay = Annotated[
    Literal["motion", "paper", "off"],
    Form(description="Smooth colours along the motion, by a paper's kernel, or not at all."),
]
FieldsWay = Literal["auto", "off", "single", "double", "film"]
Sound = Literal["copy", "encode", "none"]
_SOUND = "Copy the sound, encode it again (and stretch it to another rate), or leave it out."
_RATE = "Frames a second at which to show the film's frames; times still count on the film as it was sent."


class JobInfo(BaseModel):
    """A film being coloured."""

    id: str = Field(description="Id of the job.")
    state: State = Field(
        description="`held` until it is started, then `waiting`, `running`, then `done`, `failed` or `cancelled`."
    )
    frames: int = Field(description="Number of frames that are coloured so far.")
    total: int | None = Field(description="Estimated number of frames; null if unknown.")
    seconds: float = Field(description="Seconds that the work has taken so far.")
    error: str | None = Field(description="What went wrong; null if nothing did.")
    notices: list[str] = Field(
        description="Notes on what was done besides the colours, such as shots that kept their own."
    )
    link: str = Field(description="Address of this job.", examples=["/v1/jobs/q2V0pO3kq1yQ7aS8Z5n1Xg"])
    result: str | None = Field(description="Address to fetch the result from; null until it is done.")
    media_type: str | None = Field(description="Media type of the result.", examples=["video/mp4"])
    width: int = Field(description="Width of the film that was sent, in pixels.")
    height: int = Field(description="Height of the film that was sent, in pixels.")
    duration: float | None = Field(description="Length of the film that was sent, in seconds.")


class FilmHintValue(HintValue):
    """A colour in one frame; points are in per cent of the picture as it is shown."""

    time: float = Field(ge=0, le=1e6, allow_inf_nan=False, description="When the frame is shown, in seconds.")

    def film_hint(self) -> FilmHint:
        return FilmHint(hint=self.hint(), seconds=self.time)


class FilmReference(BaseModel):
    """A reference for a film, or for one shot of it."""

    model_config = ConfigDict(extra="forbid")

    id: ReferenceName
    time: float | None = Field(
        default=None,
        ge=0,
        le=1e6,
        allow_inf_nan=False,
        description="A time within the shot that it is for, in seconds; null for all shots that it resembles.",
    )


class Still(BaseModel):
    """A frame of a film to try settings on."""

    number: int
    seconds: float = Field(description="When it is shown; also the `time` of a hint in this frame.")


class StillSettings(Strengths):
    """Settings and hints of a still."""

    hints: list[HintValue] = Field(default_factory=list, max_length=500)
    references: ReferenceNames | None = Field(
        default=None, description="Ids of references to take colours from; without it, those sent with the film."
    )


class Start(Strengths):
    """Settings of a film that is held or has ended; what is left out stays as it was."""

    hints: list[FilmHintValue] | None = Field(default=None, max_length=500, description="Colours in single frames.")
    references: list[FilmReference] | None = Field(
        default=None, max_length=MOST_REFERENCES, description="References to take colours from."
    )
    recolor: bool | None = Field(default=None, description="Colour even shots that have colours already.")
    deinterlace: FieldsWay | None = Field(default=None, description="What is made of the fields of interlaced frames.")
    rate: float | None = Field(
        default=None, ge=0, le=1000, allow_inf_nan=False, description=f"{_RATE} 0 is the film's own rate again."
    )
    sound: Sound | None = Field(default=None, description=_SOUND)


@router.post("/video", status_code=202, responses=described(409, 415, 503, 507))
async def colorize_film(
    request: Request,
    service: Shared,
    visitor: Visitor,
    file: Annotated[UploadFile, File(description="A film: MP4, MOV, MKV, WebM, AVI, MPEG, WMV, FLV or MXF.")],
    reference: ReferencePictures = [],  # noqa: B006 - FastAPI makes a new list
    temperature: Annotated[Temperature | None, Form()] = None,
    caution: Annotated[Caution | None, Form()] = None,
    saturation: Annotated[Saturation | None, Form()] = None,
    size: Size = None,
    purpose: Purpose = None,
    smoothing: SmoothingWay = "motion",
    deinterlace: Annotated[FieldsWay, Form(description="What is made of the fields of interlaced frames.")] = "auto",
    rate: Annotated[float | None, Form(gt=0, le=1000, description=_RATE)] = None,
    sound: Annotated[Sound, Form(description=_SOUND)] = "copy",
    start: Annotated[float | None, Form(ge=0, le=1e6, description="Start here, in seconds.")] = None,
    end: Annotated[float | None, Form(gt=0, le=1e6, description="End here, in seconds.")] = None,
    recolor: Recolor = False,
    hints: Annotated[
        str,
        Form(
            max_length=200_000,
            description="Colours at points, as JSON, each with a `frame` (from 0) or a `time` (in seconds).",
            examples=['[{"x": 25, "y": 60, "unit": "percent", "color": "#b03020", "time": 1.5}]'],
        ),
    ] = "",
    hold: Annotated[bool, Form(description="Keep the film until another request starts it.")] = False,
) -> JobInfo:
    """Send a film to colour; the job's link reports the progress."""
    check_size(size, service.limits)
    check_count(len(reference))
    settings = VideoSettings(
        temperature=temperature,
        caution=caution,
        saturation=service.colorizer.saturation if saturation is None else saturation,
        size=size,
        purpose=purpose,
        chroma="420" if purpose is None else None,  # the one that all browsers show
        smoothing=smoothing,
        deinterlace=deinterlace,
        rate=rate,
        sound=sound,
        start=start,
        end=end,
        recolor=recolor,
        overwrite=True,
    )
    service.jobs.check_room(visitor)
    with service.store.made() as folder:

        def work() -> tuple[Film, References, tuple[FilmHint, ...]]:
            film = receive_film(file.file, folder, service.limits)
            references = References(folder, service.colorizer, service.limits, reference)
            return film, references, read_film_hints(hints, folder)

        film, references, film_hints = await service.keep(request, work)
        settings = replace(settings, hints=film_hints, references=references.paths(None))
        return _info(service.jobs.add(folder, film, settings, hold=hold, references=references, visitor=visitor))


@router.get("/jobs/{name}", responses=_ERRORS)
async def job(film: SentFilm) -> JobInfo:
    """Report the progress of a film."""
    return _info(film)


@router.post("/jobs/{name}/start", status_code=202, responses=described(404, 409))
async def start_job(service: Shared, film: SentFilm, start: Start) -> JobInfo:
    """Start a film that is held, or start it again with other settings."""
    changes = start.model_dump(exclude_none=True, exclude={"hints", "references"})
    if start.rate is not None:
        changes["rate"] = start.rate or None
    if start.references is not None:
        paths = film.references.paths([reference.id for reference in start.references])
        places = ["" if reference.time is None else f"{reference.time:.6f}s@" for reference in start.references]
        changes["references"] = tuple(place + path for place, path in zip(places, paths, strict=True))
    if start.hints is not None:
        changes["hints"] = tuple(hint.film_hint() for hint in start.hints)
    service.jobs.start(film, replace(film.settings, **changes))
    return _info(film)


@router.post("/jobs/{name}/cancel", responses=_ERRORS)
async def cancel_job(service: Shared, film: SentFilm) -> JobInfo:
    """Stop a film; it can be started again."""
    service.jobs.cancel(film)
    return _info(film)


@router.delete("/jobs/{name}", status_code=204, responses=_ERRORS)
async def delete_job(service: Shared, film: SentFilm, after: Leave = 0) -> None:
    """Stop a film if it runs, and delete everything that is kept of it."""
    if after:
        service.jobs.leave(film.name, seconds=after)
    else:
        service.jobs.remove(film.name)


@router.get("/jobs/{name}/result", response_class=Response, responses={200: {"content": _FILMS}, **described(404, 409)})
async def job_result(film: SentFilm) -> Response:
    """Fetch a film that is done."""
    if film.target is None or film.state != "done":
        raise Problem(409, film.error or f"The film is not done: it is {film.state}.")
    # The answer names no file, so that browsers take the name that the page gives.
    return FileResponse(film.target, media_type=MEDIA_TYPES.get(film.target.suffix, "application/octet-stream"))


@router.get("/jobs/{name}/stills/{number}", response_class=Response, responses={**JPEG, **described(404, 409, 503)})
async def still(
    on: FilmStill,
    temperature: Annotated[Temperature | None, Query()] = None,
    caution: Annotated[Caution | None, Query()] = None,
    saturation: Annotated[Saturation | None, Query()] = None,
    grey: Annotated[bool, Query(description="Show the frame as it was sent.")] = False,
) -> Response:
    """Show one of four frames of the film in colours, to try settings before it is started."""

    def work(shown: Editor) -> bytes:
        return pictures.jpeg(
            shown.grey() if grey else shown.preview(temperature=temperature, caution=caution, saturation=saturation)
        )

    return Response(await on.work(work), media_type="image/jpeg")


@router.get("/jobs/{name}/stills", responses=described(404, 503))
async def stills(request: Request, service: Shared, film: SentFilm) -> list[Still]:
    """List frames spread over the film, to try settings and hints on."""
    times = await service.work(request, lambda: service.jobs.still_times(film))
    return [Still(number=number, seconds=seconds) for number, seconds in enumerate(times)]


@router.post("/jobs/{name}/stills/{number}", response_class=Response, responses={**JPEG, **described(404, 503)})
async def hinted_still(on: FilmStill, settings: StillSettings) -> Response:
    """Show a still in colours with hints, whose points are in per cent of it."""
    plain = settings.model_dump(exclude={"hints", "references"})

    def work(shown: Editor) -> bytes:
        hints, references = [hint.hint() for hint in settings.hints], on.film.references.paths(settings.references)
        return pictures.jpeg(shown.preview(**plain, hints=hints, references=references))

    return Response(await on.work(work), media_type="image/jpeg")


@router.get("/jobs/{name}/stills/{number}/colors", responses=described(404, 503))
async def still_colors(on: FilmStill, x: FromLeft, y: FromTop) -> Suggestion:
    """List the plausible colours at a point of a still."""
    return await on.work(lambda shown: colors_at(shown, x, y))


@router.get("/jobs/{name}/newest", response_class=Response, responses={**JPEG, **described(404, 409)})
async def newest(film: SentFilm) -> Response:
    """Show the frame that was coloured last, small, while the film is worked on; it changes about once a second."""
    if film.newest is None:
        raise Problem(409, f"No frame is coloured yet: the film is {film.state}.")
    return Response(film.newest, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


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
