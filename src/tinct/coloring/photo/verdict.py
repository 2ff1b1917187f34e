"""Decide what a run into a folder still has to do for each picture, by the manifest and the files on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tinct.coloring.photo.manifest import Entry, Manifest, Run, Seen, look
from tinct.coloring.photo.plan import Job
from tinct.coloring.settings import PhotoSettings, VideoSettings

MAKE = "make"  # there is no result yet
REPLACE = "replace"  # there is one, and it is replaced
KEEP = "keep"  # there is one, and it stays
SKIP = "skip"  # the picture already has colours
ANEW = "make it anew with --update"
Asked = PhotoSettings | VideoSettings  # their update, overwrite and recolor decide about existing results


@dataclass(frozen=True)
class Verdict:
    """What is to be done about one picture, and what a person should know of it."""

    action: str
    message: str = ""


@dataclass(frozen=True)
class Step:
    """One picture of a run, and what is to be done about it.

    Attributes:
        job: the picture and its result's path; nothing is done for a job that has a status.
        verdict: what is to be done.
        sha256: of the picture at the last run, if only its content can tell whether it has changed.
        otherwise: what is to be done if its content has changed.
        noted: whether the outcome is written into the manifest.
        settled: whether the manifest already has this outcome, so that nothing needs to be written.
    """

    job: Job
    verdict: Verdict
    sha256: str | None = None
    otherwise: Verdict | None = None
    noted: bool = True
    settled: bool = False

    def told(self, picture: Seen | None) -> Step:
        """Return the step with the verdict for the picture's content."""
        if self.otherwise is None or (picture is not None and picture.sha256 == self.sha256):
            return self
        return replace(self, verdict=self.otherwise)

    @property
    def may_write(self) -> bool:
        """Whether the step may write a result."""
        verdicts = (self.verdict, self.otherwise)
        return any(verdict is not None and verdict.action in (MAKE, REPLACE) for verdict in verdicts)


def decided_steps(jobs: Iterable[Job], settings: Asked, manifest: Manifest | None, run: Run | None) -> Iterator[Step]:
    """Yield what is to be done about each job, decided when its turn comes; claim results that may be written.

    Without a manifest it depends on whether the result exists; otherwise see `next_step`.
    """
    for job in jobs:
        if manifest is None or run is None:
            exists = job.target is not None and os.path.lexists(job.target)
            action = REPLACE if settings.overwrite else KEEP if exists else MAKE
            yield Step(job, Verdict(action), noted=False)
            continue
        step = next_step(job, manifest, run, settings)
        if step.may_write and job.target is not None:
            manifest.claim(job.entry, job.target, look(job.source))
        yield step


def next_step(job: Job, manifest: Manifest, run: Run, settings: Asked) -> Step:
    """Return what is to be done about a picture.

    An existing result stays unless `overwrite` replaces all, or `update` replaces those whose picture, settings or
    model have changed; but not one that another program has changed, or that was made from another picture.

    Args:
        job: the picture, and where its result goes.
        manifest: of the folder of results.
        run: the settings and model that would make the result now.
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
    """Return in words how the model or settings that made a result differ from those of this run."""
    if entry.model_sha256 != run.model_sha256:
        return "by another model"
    before, now = json.loads(entry.settings or "{}"), json.loads(run.settings)
    names = [name for name in now if name in before and before[name] != now[name]]  # a newer tinct may have more
    return f"with another {', '.join(names)}" if names else ""


def _by_content(job: Job, entry: Entry, same: Verdict, other: Verdict) -> Step:
    """Return the step for an unchanged picture or a changed one; only if its date is new must its content be read."""
    before, now = entry.picture, look(job.source)
    if now is not None and now.same_date(before):
        return Step(job, same, settled=entry.status in ("colorized", "skipped"))
    if now is None or before is None or before.sha256 is None or before.size != now.size:
        return Step(job, other)
    return Step(job, same, sha256=before.sha256, otherwise=other)
