"""`POST /v1/classify`: a picture in, its class out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from pydantic import BaseModel, Field

from tinct.color.inputs import PICTURE
from tinct.recognize.classifier import Classifier
from tinct.web.problems import Problem, described
from tinct.web.receive import receive_picture
from tinct.web.service import Service, Shared

router = APIRouter(prefix="/v1", tags=["recognising"])


class Recognised(BaseModel):
    """The class of a picture."""

    model: str = Field(description="Name of the model that recognised it.", examples=["cars"])
    label: str = Field(description="Likeliest class.", examples=["red"])
    probability: float = Field(description="Calibrated probability of that class, 0..1.")
    probabilities: dict[str, float] = Field(description="Those of all classes.", examples=[{"red": 0.9, "blue": 0.1}])


@router.post("/classify", responses=described(404, 415, 503, 507))
async def classify(
    request: Request,
    service: Shared,
    file: Annotated[UploadFile, File(description="A picture in any format that /v1/colorize takes.")],
    model: Annotated[
        str,
        Form(max_length=200, description="Name of the model; without it, the server's first.", examples=["cars"]),
    ] = "",
) -> Recognised:
    """Recognise a picture with a model that `tinct classify train` wrote."""
    name, classifier = _chosen(service, model)

    def work() -> Recognised:
        with service.store.borrowed() as folder:
            path = folder / "photograph"
            receive_picture(file.file, path, service.limits)
            answer = classifier.predict(path)
        return Recognised(
            model=name, label=answer.label, probability=answer.probability, probabilities=answer.probabilities
        )

    return await service.work(request, work)


def _chosen(service: Service, model: str) -> tuple[str, Classifier]:
    known = service.classifiers
    if not known:
        raise Problem(404, "This server recognises nothing: it was started without --classifier FILE.")
    name = model or next(iter(known))
    if name not in known:
        raise Problem(404, f"There is no such model here. The models are: {', '.join(known)}.")
    if known[name].card.kind != PICTURE:
        raise Problem(422, f"The model {name} takes arrays of numbers, not pictures.")
    return name, known[name]
