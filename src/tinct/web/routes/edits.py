"""`/v1/edits`: open a photograph once, then try settings and hints, each in a moment, and save it at full size.

The page works with these routes; other programs may too.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from tinct.color.decoding import agreement, softmax
from tinct.coloring.hints.hint import Hint, color_text, parse_color
from tinct.coloring.photo import suggest
from tinct.coloring.photo.editor import Editor
from tinct.coloring.photo.readings import MOST_READINGS
from tinct.coloring.photo.result import PhotoResult
from tinct.errors import SettingError
from tinct.web import pictures
from tinct.web.kept import MOST_REFERENCES, References, check_count
from tinct.web.open_photos import PREVIEW_EDGE, Edit
from tinct.web.problems import described
from tinct.web.receive import check_size, receive_picture, result_suffix
from tinct.web.routes.photo import (
    BorrowedFile,
    Caution,
    FormatName,
    Negative,
    Photograph,
    Recolor,
    ReferencePictures,
    Saturation,
    Size,
    Temperature,
)
from tinct.web.service import Leave, OpenEdit, Shared, Visitor, own_values

router = APIRouter(prefix="/v1/edits", tags=["editing"])

JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}}}
PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}
_ERRORS = described(404, 503)
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]

# Ids of references, as returned when these were sent.
ReferenceName = Annotated[str, Field(pattern="^[0-9a-f]{16}$", examples=["5f2b8c0d1e3a4f67"])]
ReferenceNames = Annotated[list[ReferenceName], Field(max_length=MOST_REFERENCES)]

FromLeft = Annotated[float, Query(ge=0, le=100, allow_inf_nan=False, description="Distance from the left in per cent.")]
FromTop = Annotated[float, Query(ge=0, le=100, allow_inf_nan=False, description="Distance from the top in per cent.")]


class HintValue(BaseModel):
    """A colour at a point or along a stroke; points are in per cent of width and height."""

    model_config = ConfigDict(extra="forbid")

    points: list[tuple[Percent, Percent]] = Field(min_length=1, max_length=2000, examples=[[[25.0, 60.0]]])
    color: str = Field(pattern="^#[0-9a-fA-F]{6}$", examples=["#b03020"])
    width: float = Field(default=0, ge=0, le=100, description="Width of a stroke, in per cent of the picture's width.")
    darken: bool = Field(default=False, description="Lower the luma there to the colour's own, if that is darker.")

    def hint(self) -> Hint:
        color = parse_color(self.color, name="color")
        return Hint(points=tuple(self.points), color=color, unit="percent", width=self.width, darken=self.darken)


class Strengths(BaseModel):
    """Settings that photographs and films share; what is left out is the usual one, or stays as it was."""

    model_config = ConfigDict(extra="forbid")

    temperature: Temperature | None = None
    caution: Caution | None = None
    saturation: Saturation | None = None


class Settings(Strengths):
    """Settings and hints of a photograph."""

    reading: int = Field(default=0, ge=0, le=MOST_READINGS, description="0: the usual colours; or one of `/readings`.")
    hints: list[HintValue] = Field(default_factory=list, max_length=500)
    references: ReferenceNames | None = Field(
        default=None, description="Ids of references to take colours from; without it, those sent with the photograph."
    )

    def values(self, references: References) -> dict[str, Any]:
        """Return them as the editor takes them; `references` are those of the photograph."""
        hints = tuple(hint.hint() for hint in self.hints)
        plain = self.model_dump(include={"temperature", "caution", "saturation", "reading"})
        return plain | {"hints": hints, "references": references.paths(self.references)}


class Preview(Settings):
    """Settings of a preview."""

    edge: int | None = Field(default=None, ge=16, le=4096, description="Longest edge in pixels; smaller is faster.")


class Save(Settings):
    """Settings of a saved photograph."""

    format: FormatName = Field(default="same", description="File format; `same` keeps that of the photograph.")


class EditInfo(BaseModel):
    """A photograph open for editing."""

    id: str = Field(description="Id of the photograph.")
    width: int = Field(description="Width in pixels.")
    height: int = Field(description="Height in pixels.")
    model: str = Field(examples=["photo"])
    temperature: float | None = Field(description="The model's default; null for a model without bins.")
    caution: float | None = Field(description="The model's default; null for a model without bins.")
    saturation: float | None = Field(description="The server's default.")
    suffix: str = Field(description="File suffix of a result in the photograph's own format.", examples=[".jpg"])
    remarks: list[str] = Field(description="Notes on the file, such as pages that are left out.")
    references: list[str] = Field(description="Ids of the references that were sent with it, in their order.")


class Suggestion(BaseModel):
    """A point where a hint would help, and plausible colours there, the likeliest first."""

    x: float = Field(ge=0, le=100, description="Distance from the left edge in per cent of the width.")
    y: float = Field(ge=0, le=100, description="Distance from the top in per cent of the height.")
    colors: list[str] = Field(examples=[["#b03020", "#405060"]])


class Reading(BaseModel):
    """Another colouring that the network finds plausible."""

    number: int = Field(ge=1, le=MOST_READINGS, description="What `reading` of previews and results takes.")
    name: str = Field(description="What sets it apart from the usual one.", examples=["Warmer"])
    likelihood: float = Field(description="Mean log-probability under the network, less that of the usual one, nats.")


@router.post("", status_code=201, responses=described(409, 415, 503, 507))
async def open_photograph(
    request: Request,
    service: Shared,
    visitor: Visitor,
    file: Photograph,
    reference: ReferencePictures = [],  # noqa: B006 - FastAPI makes a new list
    size: Size = None,
    recolor: Recolor = False,
    negative: Negative = False,
) -> EditInfo:
    """Open a photograph for editing."""
    check_size(size, service.limits)
    check_count(len(reference))
    with service.store.made() as folder, service.edits.closed_on_failure(folder.name):

        def work() -> Edit:
            path = folder / "photograph"
            picture = receive_picture(file.file, path, service.limits)
            references = References(folder, service.colorizer, service.limits, reference)
            return service.edits.open(
                path,
                picture,
                size=size,
                recolor=recolor,
                references=references,
                negative=negative,
                visitor=visitor,
            )

        edit = await service.keep(request, work)
    colorizer = service.colorizer
    return EditInfo(
        id=edit.name,
        width=edit.picture.width,
        height=edit.picture.height,
        model=colorizer.session.card.name,
        **own_values(colorizer),
        suffix=result_suffix(edit.picture, "same"),
        remarks=list(edit.editor.remarks),
        references=list(edit.references.sent),
    )


@router.get("/{name}/before", response_class=Response, responses={**JPEG, **_ERRORS})
async def before(edit: OpenEdit) -> Response:
    """Show the photograph as it was sent, small."""
    data = await edit.work(lambda it: pictures.jpeg(pictures.before(it.picture, edge=PREVIEW_EDGE)))
    return Response(data, media_type="image/jpeg")


@router.post("/{name}/preview", response_class=Response, responses={**JPEG, **_ERRORS})
async def preview(edit: OpenEdit, settings: Preview) -> Response:
    """Show the photograph in colours, small, with these settings, hints and references.

    `X-Tinct-Remarks` holds notes on it; `X-Tinct-Pale` lists, by numbers from 0, hints whose place is too bright.
    """

    def work(it: Edit) -> tuple[bytes, dict[str, str]]:
        values = settings.values(it.references)
        shown = pictures.jpeg(it.editor.preview(**values), edge=settings.edge)
        headers = {
            "X-Tinct-Remarks": "; ".join(it.editor.notices(values["hints"])),
            "X-Tinct-Pale": ",".join(map(str, it.editor.pale(values["hints"]))),
        }
        return shown, {name: text for name, text in headers.items() if text}

    data, headers = await edit.work(work)
    return Response(data, media_type="image/jpeg", headers=headers)


@router.get("/{name}/confidence", response_class=Response, responses={**PNG, **_ERRORS})
async def confidence(edit: OpenEdit) -> Response:
    """Show where the network is unsure of the hue, as a veil to lay over the photograph."""
    return Response(await edit.work(lambda it: _veil(it.editor)), media_type="image/png")


@router.get("/{name}/suggestions", responses=_ERRORS)
async def suggestions(edit: OpenEdit, count: Annotated[int, Query(ge=1, le=20)] = 4) -> list[Suggestion]:
    """List the points where hints would help most, with likely colours."""
    return await edit.work(lambda it: [_suggestion(item, it) for item in it.editor.suggest(count)])


@router.get("/{name}/readings", responses=_ERRORS)
async def readings(edit: OpenEdit, references: Annotated[ReferenceNames | None, Query()] = None) -> list[Reading]:
    """List other colourings that the network finds plausible and that differ visibly; none if it is sure.

    With ids of `references`, those that it finds plausible together with them.
    """

    def work(it: Edit) -> list[Reading]:
        items = enumerate(it.editor.readings(it.references.paths(references)), start=1)
        return [Reading(number=number, name=item.name, likelihood=round(item.likelihood, 3)) for number, item in items]

    return await edit.work(work)


@router.get("/{name}/colors", responses=_ERRORS)
async def colors(edit: OpenEdit, x: FromLeft, y: FromTop) -> Suggestion:
    """List the plausible colours at a point."""
    return await edit.work(lambda it: colors_at(it.editor, x, y))


def colors_at(editor: Editor, x: float, y: float) -> Suggestion:
    """Return the plausible colours at a place in per cent of the picture."""
    likely, _ = suggest.plausible_colors(editor.prediction, x=x / 100, y=y / 100)
    return Suggestion(x=x, y=y, colors=[color_text(color) for color in likely])


@router.post("/{name}/save", response_class=Response, responses={200: {"content": {}}, **described(404, 503, 507)})
async def save(service: Shared, edit: OpenEdit, settings: Save) -> Response:
    """Save the photograph in colours, at its full resolution, and with its metadata."""
    with service.store.made() as folder:

        def work(it: Edit) -> PhotoResult:
            target = folder / f"colorized{result_suffix(it.picture, settings.format)}"
            return it.editor.save(target, **settings.values(it.references))

        result = await edit.work(work)
    return BorrowedFile(result, service.store)


@router.delete("/{name}", status_code=204, responses=described())
async def close(service: Shared, name: str, after: Leave = 0) -> None:
    """Close the photograph and delete its files; closing it twice is not an error."""
    if after:
        service.edits.leave(name, seconds=after)
    else:
        service.edits.remove(name)


def _veil(editor: Editor) -> bytes:
    prediction = editor.prediction
    if prediction.bins is None:
        raise SettingError("this model cannot say how sure it is")
    shares = softmax(prediction.output, temperature=prediction.calibration)
    return pictures.unsure_overlay(agreement(shares, prediction.bins.centers))


def _suggestion(place: suggest.Suggestion, edit: Edit) -> Suggestion:
    # The middle of the pixel, so that a hint given back in per cent falls into it.
    return Suggestion(
        x=100 * (place.x + 0.5) / edit.picture.width,
        y=100 * (place.y + 0.5) / edit.picture.height,
        colors=[color_text(color) for color in place.colors],
    )
