"""`POST /v1/colorize`: a photograph in, its colours out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.types import Receive, Scope, Send

from tinct.coloring.photo.colorizer import PhotoResult
from tinct.web.engine import MEDIA_TYPES, Options, read_hints
from tinct.web.problems import Problem, described
from tinct.web.service import Service, Shared
from tinct.web.store import Store

router = APIRouter(prefix="/v1", tags=["photographs"])

Photograph = Annotated[UploadFile, File(description="JPEG, PNG, TIFF, WebP, AVIF, HEIC, GIF and other photographs.")]
Temperature = Annotated[
    float | None,
    Form(gt=0, le=10, description="Towards 0 more vivid, at 1 muted; the model's own without it.", examples=[0.4]),
]
Caution = Annotated[
    float | None,
    Form(ge=0, le=4, description="How much colours fade where opposite hues are likely.", examples=[0.3]),
]
Size = Annotated[int | None, Form(ge=16, le=4096, description="Pixels at which the network looks.", examples=[384])]
Hints = Annotated[
    str,
    Form(
        max_length=200_000,
        description="Colours at places: a JSON list such as the example, or a line `X,Y=#RRGGBB` each.",
        examples=['[{"x": 25, "y": 60, "unit": "percent", "color": "#b03020"}]'],
    ),
]
Recolor = Annotated[bool, Form(description="Colour it even if it has colours already.")]
FormatName = Literal["same", "jpeg", "png", "tiff", "webp", "avif"]
Format = Annotated[FormatName, Form(description="Of the result; `same` is that of the photograph.")]


class Colorized(BaseModel):
    """A photograph that was coloured and is kept for a while."""

    id: str = Field(description="What it is called by.")
    link: str = Field(description="Where it can be fetched.", examples=["/v1/results/q2V0pO3kq1yQ7aS8Z5n1Xg"])
    media_type: str = Field(examples=["image/jpeg"])
    width: int = Field(description="Of the result, in pixels.")
    height: int
    model: str = Field(examples=["photo"])
    temperature: float | None = Field(description="It was decoded at; null for a model without bins.")
    seconds: float = Field(description="That the work took.")
    remarks: list[str] = Field(description="What one might not expect, such as transparency lost.")
    kept_seconds: int = Field(description="It is deleted when nobody fetched it for so long.")


class BorrowedFile(FileResponse):
    """A file as an answer, whose folder is deleted once it is sent, or whoever asked has gone."""

    def __init__(self, path: Path, *, store: Store, headers: dict[str, str], filename: str, media_type: str) -> None:
        """Answer with a file of a store's folder."""
        super().__init__(path, headers=headers, filename=filename, media_type=media_type)
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._store.remove(Path(self.path).parent)


_IMAGES: dict[str, Any] = {kind: {} for kind in MEDIA_TYPES.values() if kind.startswith("image/")}


@router.post(
    "/colorize",
    response_class=Response,
    responses={
        200: {
            "description": "The photograph, or with reply=json where to fetch it.",
            "content": {**_IMAGES, "application/json": {"schema": Colorized.model_json_schema()}},
        },
        **described(404, 409, 415, 503, 507),
    },
)
async def colorize(
    request: Request,
    service: Shared,
    file: Photograph,
    temperature: Temperature = None,
    caution: Caution = None,
    size: Size = None,
    hints: Hints = "",
    recolor: Recolor = False,
    format: Format = "same",  # noqa: A002
    reply: Annotated[Literal["image", "json"], Form(description="Give the image, or a link to it.")] = "image",
) -> Response:
    """Colour a photograph, at its full resolution, its metadata kept.

    The image comes back at once, or with `reply=json` a link to it.
    """
    options = Options(
        temperature=temperature,
        caution=caution,
        size=checked_size(service, size),
        hints=read_hints(hints),
        recolor=recolor,
        form=format,
    )
    folder = service.store.make()
    try:
        result = await service.work(request, lambda: _colorized(service, file, folder, options))
    except BaseException:
        service.store.remove(folder)
        raise
    assert result.target is not None
    media_type = MEDIA_TYPES[result.target.suffix]
    if reply == "json":
        facts = Colorized(
            id=folder.name,
            link=f"/v1/results/{folder.name}",
            media_type=media_type,
            width=result.width,
            height=result.height,
            model=result.model,
            temperature=result.temperature,
            seconds=round(result.seconds, 3),
            remarks=list(result.remarks),
            kept_seconds=round(service.limits.keep_seconds),
        )
        return JSONResponse(facts.model_dump())
    return BorrowedFile(
        result.target,
        store=service.store,
        headers=told(result),
        filename=result.target.name,
        media_type=media_type,
    )


@router.get("/results/{name}", response_class=Response, responses={200: {"content": _IMAGES}, **described(404)})
async def result(service: Shared, name: str) -> Response:
    """Fetch a photograph that was coloured with `reply=json`."""
    path = _kept(service, name)
    return FileResponse(path, filename=path.name, media_type=MEDIA_TYPES[path.suffix])


@router.delete("/results/{name}", status_code=204, responses=described(404))
async def delete_result(service: Shared, name: str) -> None:
    """Delete such a photograph before its time."""
    service.store.remove(_kept(service, name).parent)


def checked_size(service: Service, size: int | None) -> int | None:
    """Refuse a working size above the server's limit.

    Raises:
        Problem: it is (422).
    """
    if size is not None and size > service.limits.working_size:
        raise Problem(422, f"size: at most {service.limits.working_size} pixels are allowed here.")
    return size


def told(result: PhotoResult) -> dict[str, str]:
    """Give what is to be known of a result as headers."""
    facts = {"X-Tinct-Model": result.model, "X-Tinct-Seconds": f"{result.seconds:.3f}"}
    if result.temperature is not None:
        facts["X-Tinct-Temperature"] = f"{result.temperature:g}"
    if result.remarks:
        facts["X-Tinct-Remarks"] = "; ".join(result.remarks)
    return {name: value.encode("ascii", "replace").decode() for name, value in facts.items()}


def _colorized(service: Service, file: UploadFile, folder: Path, options: Options) -> PhotoResult:
    path, picture = service.engine.receive_photo(file.file, folder)
    result = service.engine.photo(picture, folder, options)
    path.unlink()
    service.metrics.pixels.inc(result.width * result.height)
    return result


def _kept(service: Service, name: str) -> Path:
    folder = service.store.find(name)
    found = sorted(folder.glob("colorized.*")) if folder is not None else []
    if not found:
        raise Problem(404, "There is no such result, or it has been deleted.")
    return found[0]
