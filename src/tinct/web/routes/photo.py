"""`POST /v1/colorize`: a photograph in, its colours out. Other routes share the fields that it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.types import Receive, Scope, Send

from tinct.coloring.photo.result import PhotoResult
from tinct.coloring.settings import help_of, limits
from tinct.web.kept import MOST_REFERENCES, References, check_count
from tinct.web.problems import Problem, described
from tinct.web.receive import MEDIA_TYPES, check_size, read_hints, receive_picture, result_suffix
from tinct.web.service import Service, Shared
from tinct.web.store import Store

router = APIRouter(prefix="/v1", tags=["photographs"])

# Fields of `Decoding` that a request may have, in forms, addresses and JSON.
Temperature = Annotated[
    float, Field(description=help_of("temperature"), allow_inf_nan=False, examples=[0.4], **limits("temperature"))
]
Caution = Annotated[
    float, Field(description=help_of("caution"), allow_inf_nan=False, examples=[0.3], **limits("caution"))
]
Saturation = Annotated[
    float, Field(description=help_of("saturation"), allow_inf_nan=False, examples=[1.2], **limits("saturation"))
]
Size = Annotated[
    int | None, Form(description=help_of("size"), examples=[384], ge=limits("size")["ge"], le=limits("size")["le"])
]
Photograph = Annotated[UploadFile, File(description="JPEG, PNG, TIFF, WebP, AVIF, HEIC, GIF or another common format.")]
ReferencePictures = Annotated[
    list[UploadFile],
    File(description=f"{help_of('references')} At most {MOST_REFERENCES}; later ones take precedence."),
]
Recolor = Annotated[bool, Form(description="Colour it even if it has colours already.")]
Frames = Annotated[Literal["auto", "off"], Form(description=help_of("frames"))]
Negative = Annotated[bool, Form(description=help_of("negative"))]
Crop = Annotated[bool, Form(description="Return only the photograph found on a scan, without frame and page.")]
FormatName = Literal["same", "jpeg", "png", "tiff", "webp", "avif"]


class Colorized(BaseModel):
    """A coloured photograph that is kept for a while."""

    id: str = Field(description="Id of the photograph.")
    link: str = Field(description="Address to fetch it from.", examples=["/v1/results/q2V0pO3kq1yQ7aS8Z5n1Xg"])
    media_type: str = Field(examples=["image/jpeg"])
    width: int = Field(description="Width of the result in pixels.")
    height: int = Field(description="Height of the result in pixels.")
    model: str = Field(description="Name of the model that coloured it.", examples=["photo"])
    temperature: float | None = Field(description="Temperature used for decoding; null for a model without bins.")
    seconds: float = Field(description="Seconds that the work took.")
    remarks: list[str] = Field(description="Notes on what changed besides the colours, such as lost transparency.")
    kept_seconds: int = Field(description="Seconds without a request after which it is deleted.")


class BorrowedFile(FileResponse):
    """A file as an answer; its folder is deleted once it is sent, or when the client has disconnected."""

    def __init__(self, result: PhotoResult, store: Store) -> None:
        """Answer with a result that lies in a folder of the store."""
        assert result.target is not None
        super().__init__(
            result.target,
            headers=_facts(result),
            filename=result.target.name,
            media_type=MEDIA_TYPES[result.target.suffix],
        )
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
            "description": "The photograph, or with reply=json a link to it.",
            "content": {**_IMAGES, "application/json": {"schema": Colorized.model_json_schema()}},
        },
        **described(404, 409, 415, 503, 507),
    },
)
async def colorize(
    request: Request,
    service: Shared,
    file: Photograph,
    reference: ReferencePictures = [],  # noqa: B006 - FastAPI makes a new list
    temperature: Annotated[Temperature | None, Form()] = None,
    caution: Annotated[Caution | None, Form()] = None,
    saturation: Annotated[Saturation | None, Form()] = None,
    size: Size = None,
    hints: Annotated[
        str,
        Form(
            max_length=200_000,
            description="Colours at points: a JSON list such as the example, or lines `X,Y=#RRGGBB`.",
            examples=['[{"x": 25, "y": 60, "unit": "percent", "color": "#b03020"}]'],
        ),
    ] = "",
    recolor: Recolor = False,
    frames: Frames = "auto",
    negative: Negative = False,
    crop: Crop = False,
    format: Annotated[  # noqa: A002
        FormatName, Form(description="File format of the result; `same` keeps that of the photograph.")
    ] = "same",
    reply: Annotated[Literal["image", "json"], Form(description="Answer with the image, or with a link to it.")] = (
        "image"
    ),
) -> Response:
    """Colour a photograph, at its full resolution, and keep its metadata.

    The image is returned at once, or with `reply=json` a link to it.
    """
    check_size(size, service.limits)
    strength = service.colorizer.saturation if saturation is None else saturation
    plain = service.colorizer.changed(temperature=temperature, caution=caution, saturation=strength, size=size)
    check_count(len(reference))
    points = read_hints(hints)
    with service.store.made() as folder:

        def work() -> PhotoResult:
            path = folder / "photograph"
            picture = receive_picture(file.file, path, service.limits)
            references = References(folder, service.colorizer, service.limits, reference).paths(None)
            colorizer = plain.changed(frames=frames, negative=negative, references=references)
            target = folder / f"colorized{result_suffix(picture, format)}"
            # A damaged picture is most likely a broken upload, and programs do not read remarks.
            result = colorizer.photo(
                path, target, recolor=recolor, hints=points, overwrite=True, crop=crop, strict=True
            )
            if len(result.targets) > 1:
                count = len(result.targets)
                raise Problem(
                    409, f"There are {count} photographs on this scan; only one can be returned. Send crop=false."
                )
            for sent in (str(path), *references):
                Path(sent).unlink()
            return result

        result = await service.work(request, work)
    return BorrowedFile(result, service.store) if reply == "image" else _link(service, folder.name, result)


def _link(service: Service, name: str, result: PhotoResult) -> Response:
    assert result.target is not None
    facts = Colorized(
        id=name,
        link=f"/v1/results/{name}",
        media_type=MEDIA_TYPES[result.target.suffix],
        width=result.width,
        height=result.height,
        model=result.model,
        temperature=result.temperature,
        seconds=round(result.seconds, 3),
        remarks=list(result.remarks),
        kept_seconds=round(service.limits.keep_seconds),
    )
    return JSONResponse(facts.model_dump())


def _facts(result: PhotoResult) -> dict[str, str]:
    """Return the facts about a result as headers."""
    facts = {"X-Tinct-Model": result.model, "X-Tinct-Seconds": f"{result.seconds:.3f}"}
    if result.temperature is not None:
        facts["X-Tinct-Temperature"] = f"{result.temperature:g}"
    if result.remarks:
        facts["X-Tinct-Remarks"] = "; ".join(result.remarks)
    return {name: value.encode("ascii", "replace").decode() for name, value in facts.items()}


@router.get("/results/{name}", response_class=Response, responses={200: {"content": _IMAGES}, **described(404)})
async def result(service: Shared, name: str) -> Response:
    """Fetch a photograph that was coloured with `reply=json`."""
    path = _kept(service, name)
    return FileResponse(path, filename=path.name, media_type=MEDIA_TYPES[path.suffix])


@router.delete("/results/{name}", status_code=204, responses=described(404))
async def delete_result(service: Shared, name: str) -> None:
    """Delete a photograph that was coloured with `reply=json`."""
    service.store.remove(_kept(service, name).parent)


def _kept(service: Service, name: str) -> Path:
    folder = service.store.find(name)
    path = next(iter(sorted(folder.glob("colorized.*"))), None) if folder is not None else None
    if path is None:
        raise Problem(404, "There is no such result, or it has been deleted.")
    return path
