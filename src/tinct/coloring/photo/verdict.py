"""What a run into a folder still has to do: a verdict on each picture, by its manifest and what lies on disk."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from tinct.coloring.photo.manifest import Entry, Manifest, Run, Seen, look
from tinct.coloring.photo.plan import Job

MAKE = "make"  # there is no result yet
REPLACE = "replace"  # there is one, and it goes
KEEP = "keep"  # there is one, and it stays
SKIP = "skip"  # it was found to have colours already
ANEW = "make it anew with --update"


@dataclass(frozen=True)
class Verdict:
    """What is to be done about one picture, and what a person should know of it."""

    action: str
    message: str = ""


@dataclass(frozen=True)
class Step:
    """One picture of a run, and what is to be done about it.

    Attributes:
        job: the picture and its place; one with a status of its own is done already.
        verdict: what is to be done.
        sha256: of the picture at the last run, where only its content can tell whether it is another one.
        otherwise: what is to be done where its content differs.
        noted: whether the manifest is to know what becomes of it.
        settled: whether the manifest knows of the result that stays, so that nothing is to be written of it.
    """

    job: Job
    verdict: Verdict
    sha256: str | None = None
    otherwise: Verdict | None = None
    noted: bool = True
    settled: bool = False

    def told(self, picture: Seen | None) -> Step:
        """Return the step with the verdict that the picture's content asks for."""
        if self.otherwise is None or (picture is not None and picture.sha256 == self.sha256):
            return self
        return replace(self, verdict=self.otherwise)

    @property
    def may_write(self) -> bool:
        """Whether a result may come of it."""
        return any(one is not None and one.action in (MAKE, REPLACE) for one in (self.verdict, self.otherwise))


class Asked(Protocol):
    """What settings of photographs, or of films, say about results that are there."""

    @property
    def update(self) -> bool: ...

    @property
    def overwrite(self) -> bool: ...

    @property
    def recolor(self) -> bool: ...


def plain_step(job: Job, settings: Asked) -> Step:
    """Return what is to be done about a picture where nothing is known of results but that they are there."""
    there = job.target is not None and os.path.lexists(job.target)
    return Step(job, Verdict(REPLACE if settings.overwrite else KEEP if there else MAKE), noted=False)


def next_step(job: Job, manifest: Manifest, run: Run, settings: Asked) -> Step:
    """Return what is to be done about a picture.

    A result that is there stays, unless all are to be replaced, or it is to be updated: then one goes whose picture,
    settings or model are others now, but never one that another program changed, or that was made of another picture.

    Args:
        job: the picture, and where its result goes.
        manifest: of the folder of results.
        run: what would make the result now.
        settings: what was asked for.
    """
    if job.status or job.target is None:
        return Step(job, Verdict(SKIP))
    if settings.overwrite:
        return Step(job, Verdict(REPLACE))
    entry = manifest.entry(job.entry)
    if not os.path.lexists(job.target):
        if entry is None or entry.status != "skipped" or entry.version != run.version or settings.recolor:
            return Step(job, Verdict(MAKE))
        return _by_content(job, entry, Verdict(SKIP, entry.message), Verdict(MAKE))
    if entry is None or entry.result is None or not manifest.same_place(entry, job.target):
        return Step(job, Verdict(KEEP, _whose(job.target, manifest)))
    if settings.update and not entry.result.same_date(look(job.target)):
        return Step(job, Verdict(KEEP, "changed since tinct wrote it; replace it with --overwrite"))
    if other := _others(entry, run):
        return Step(job, Verdict(REPLACE) if settings.update else Verdict(KEEP, f"made {other}; {ANEW}"))
    changed = Verdict(REPLACE) if settings.update else Verdict(KEEP, f"made before its picture changed; {ANEW}")
    return _by_content(job, entry, Verdict(KEEP), changed)


def _whose(target: Path, manifest: Manifest) -> str:
    other = manifest.made_from(target)
    return f"the result of {other.source}; replace it with --overwrite, or name another folder" if other else ""


def _others(entry: Entry, run: Run) -> str:
    """Return in words what made a result, where it is not what would make it now."""
    if entry.model_sha256 != run.model_sha256:
        return "by another model"
    before, now = json.loads(entry.settings or "{}"), json.loads(run.settings)
    names = [name for name in now if name in before and before[name] != now[name]]  # a newer tinct may have more
    return f"with another {', '.join(names)}" if names else ""


def _by_content(job: Job, entry: Entry, same: Verdict, other: Verdict) -> Step:
    """Return a step for a picture that is as it was, or for one that is not; content is read only where it must be."""
    before, now = entry.picture, look(job.source)
    if now is not None and now.same_date(before):
        return Step(job, same, settled=entry.status in ("colorized", "skipped"))
    if now is None or before is None or before.sha256 is None or before.size != now.size:
        return Step(job, other)
    return Step(job, same, sha256=before.sha256, otherwise=other)
