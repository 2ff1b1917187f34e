"""Colorize one picture of many, with its sheet and maps, and return a row that says what became of it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.explain import stages_of, write_stages
from tinct.coloring.photo.manifest import Manifest, Seen, look_whole
from tinct.coloring.photo.plan import EXTRAS, Job, extra_path
from tinct.coloring.photo.prediction import has_confidence
from tinct.coloring.photo.result import PhotoResult
from tinct.coloring.photo.sheet import compare_sheet, confidence_sheet
from tinct.coloring.photo.verdict import KEEP, REPLACE, SKIP, Step
from tinct.coloring.settings import PhotoSettings
from tinct.errors import AlreadyColorError, TinctError, one_line
from tinct.files import already_there, make_folder


@dataclass(frozen=True)
class Row:
    """What became of one picture.

    Attributes:
        source: the picture, or the input that could not be used. In a bucket this is an address, as text, and so are
            target, sheet and confidence.
        target: the result; None if there is none.
        status: `colorized`, `skipped` (it has colours already, or was made by tinct), `exists` (the result was there
            before; missing sheets or maps are made) or `failed` (with a target if the result was written, but its
            sheet or maps could not be).
        message: why it was not colorized, or what a person should know of the result, such as pages left out.
        width, height: of the result in pixels, 0 if there is none.
        seconds: the time it took.
        sheet, confidence: the before/after sheet and the confidence maps, if they were made.
        stages: the name of each stage, and what was decided there, if asked for.
    """

    source: Path | str
    target: Path | str | None
    status: str
    message: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    sheet: Path | str | None = None
    confidence: Path | str | None = None
    stages: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the row as plain JSON values; stages only if they were asked for."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "stages" or self.stages}
        if self.stages:
            values["stages"] = dict(self.stages)
        values["seconds"] = round(self.seconds, 4)
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


@dataclass(frozen=True)
class Outcome:
    """What became of a step; `picture` is the picture as it was before the step, if the run has a manifest."""

    step: Step
    row: Row
    picture: Seen | None = None


def note_outcome(manifest: Manifest, outcome: Outcome) -> None:
    """Write what became of a step into the manifest."""
    job, row = outcome.step.job, outcome.row
    if row.status == "exists" and job.target is not None:
        if not outcome.step.settled:
            manifest.keep(job.entry, job.target, outcome.picture)
        return
    if outcome.step.settled and row.status == "skipped":
        return
    made = row.status == "colorized" or (row.target is not None and row.width > 0)
    target = None if job.status else job.target
    manifest.note(
        job.entry,
        target,
        row.status,
        made=made,
        message=row.message,
        size=(row.width, row.height),
        seconds=row.seconds,
        picture=outcome.picture,
    )


class Worker:
    """Does the steps of pictures below the folder `root` with a colorizer. Several threads may use one at once."""

    def __init__(self, colorizer: Colorizer, settings: PhotoSettings, *, root: Path) -> None:
        self._colorizer, self._settings, self._root = colorizer, settings, root

    def __call__(self, step: Step) -> Outcome:
        """Do a step; every failure becomes a row."""
        outcome = known(step, self._settings)
        if outcome is not None:
            return outcome
        picture = look_whole(step.job.source) if step.noted else None
        step = step.told(picture)
        if step.verdict.action == SKIP:
            return Outcome(step, _skipped(step), picture)
        settings = replace(self._settings, overwrite=step.verdict.action == REPLACE)
        row = _row(self._colorizer, step.job, settings, root=self._root, message=step.verdict.message)
        return Outcome(step, row, picture)


def known(step: Step, settings: PhotoSettings) -> Outcome | None:
    """Return the outcome of a step that needs neither the network nor the picture's content, else None."""
    job, verdict = step.job, step.verdict
    if job.status or job.target is None:
        return Outcome(step, Row(job.source, None, job.status or "failed", job.message))
    if step.sha256 is not None:
        return None
    if verdict.action == SKIP:
        return Outcome(step, _skipped(step))
    more = settings.compare or settings.confidence or settings.explain or settings.explain_to is not None
    if verdict.action == KEEP and not more:
        return Outcome(step, _kept(job.source, job.target, verdict.message))
    return None


def lost(step: Step) -> Outcome:
    """Return the outcome of a step whose workers died."""
    source = step.job.source
    message = f"{source}: every worker that took it died; give them more memory, or colorize it alone to see why"
    return Outcome(step, Row(source, None, "failed", message))


def _skipped(step: Step) -> Row:
    return Row(step.job.source, None, "skipped", step.verdict.message)


def _row(colorizer: Colorizer, job: Job, settings: PhotoSettings, *, root: Path, message: str) -> Row:
    """Do one job; every failure becomes a row. `message` is for a result that stays as it is."""
    assert job.target is not None
    start = time.perf_counter()
    written: PhotoResult | None = None
    keep = not settings.overwrite and os.path.lexists(job.target)
    try:
        wanted = _wanted_extras(colorizer, job.target, settings, keep=keep)
        if not keep:
            make_folder(job.target.parent)
            written = colorizer.photo(
                job.source,
                job.target,
                recolor=settings.recolor,
                overwrite=settings.overwrite,
                confidence=settings.confidence,
                hints=settings.hints,
                page=job.page,
                crop=settings.crop,
                strict=settings.strict,
            )
        sheet, maps = _make_extras(colorizer, job, wanted, written)
        name = job.entry.absolute().relative_to(root)
        stages = explained(colorizer, settings, job.source, written, name=name, page=job.page)
        if written is not None:
            return finished(job.source, written, start, sheet=sheet, confidence=maps, stages=stages)
        extras = {"sheet": sheet, "confidence": maps, "stages": stages}
        return _kept(job.source, job.target, message, seconds=time.perf_counter() - start, **extras)
    except AlreadyColorError as error:
        return Row(job.source, None, "skipped", str(error), seconds=time.perf_counter() - start)
    except Exception as error:  # no failure of one picture may stop the others
        message = failure(job.source, error)
    seconds = time.perf_counter() - start
    if written is not None:
        message = f"{job.target} was written, but {message}"
        return Row(job.source, job.target, "failed", message, written.width, written.height, seconds)
    return Row(job.source, job.target if keep else None, "failed", message, seconds=seconds)


def failure(source: Path, error: Exception) -> str:
    """Return one line that says why a picture or film could not be colorized."""
    if isinstance(error, TinctError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"{source}: not enough memory"
    return f"{source}: unexpected {type(error).__name__}: {one_line(error)}"


def _wanted_extras(colorizer: Colorizer, target: Path, settings: PhotoSettings, *, keep: bool) -> dict[str, Path]:
    """Return the paths of the sheet and maps to make beside a result; with `keep`, only of those that are missing."""
    asked = {"sheet": settings.compare, "confidence": settings.confidence and has_confidence(colorizer.session.bins)}
    paths = {extra: extra_path(target, extra) for extra in EXTRAS if asked[extra]}
    existing = {} if settings.overwrite else {extra: path for extra, path in paths.items() if os.path.lexists(path)}
    if existing and not keep:
        raise already_there(next(iter(existing.values())))
    return {extra: path for extra, path in paths.items() if extra not in existing}


def _make_extras(
    colorizer: Colorizer, job: Job, wanted: dict[str, Path], result: PhotoResult | None
) -> tuple[Path | None, Path | None]:
    """Make the sheet and the maps that are wanted; without `result`, from the picture and the result on disk."""
    sheet = maps = None
    if "sheet" in wanted:
        assert job.target is not None
        sheet = compare_sheet([job.source, job.target], wanted["sheet"], page=job.page or 0)
    if "confidence" in wanted:
        seen = result or colorizer.look(job.source, recolor=True, page=job.page)
        confidence = seen.confidence
        if confidence is not None:
            maps = confidence_sheet(*confidence, wanted["confidence"])
    return sheet, maps


def explained(
    colorizer: Colorizer,
    settings: PhotoSettings,
    source: Path,
    result: PhotoResult | None,
    *,
    name: Path,
    page: int | None = None,
) -> tuple[tuple[str, str], ...]:
    """Return each stage's name and decision, if asked for; write the stages' pictures to `explain_to`/`name`."""
    if not settings.explain and settings.explain_to is None:
        return ()
    if result is not None:
        stages = stages_of(result.trace)
    else:
        stages = colorizer.explain(source, recolor=True, hints=settings.hints, page=page)
    if settings.explain_to is not None:
        write_stages(stages, Path(settings.explain_to) / name)
    return tuple((stage.name, stage.decided) for stage in stages)


def finished(source: Path, result: PhotoResult, start: float, **more: Any) -> Row:
    """Return the row of a picture that was colorized."""
    seconds, message = time.perf_counter() - start, "; ".join(result.remarks)
    return Row(source, result.target, "colorized", message, result.width, result.height, seconds, **more)


def _kept(source: Path, target: Path, why: str, *, seconds: float = 0.0, **made: Any) -> Row:
    names = [made[extra].name for extra in EXTRAS if made.get(extra) is not None]
    news = f"made {' and '.join(names)} beside it" if names else ""
    remedy = "" if names else "replace it with --overwrite"
    explained = "explained as it would be coloured now" if made.get("stages") else ""
    message = "; ".join(part for part in (f"{target} already exists", news, explained, why or remedy) if part)
    return Row(source, target, "exists", message, seconds=seconds if names else 0.0, **made)
