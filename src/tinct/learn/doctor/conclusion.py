"""The whole of an examination: all findings, what was measured anyway, and a sentence."""

from __future__ import annotations

import numpy as np

from tinct.learn.doctor.about_data import data_findings
from tinct.learn.doctor.about_network import network_findings
from tinct.learn.doctor.about_settings import range_line, settings_findings
from tinct.learn.doctor.examination import Examination
from tinct.learn.doctor.experiments import knows
from tinct.learn.doctor.findings import Finding, in_order, percent
from tinct.learn.doctor.labels import CHANCE, chance_p, interval

Conclusion = tuple[str, list[str], list[Finding]]


def conclude(found: Examination) -> Conclusion:
    """Return the verdict, the facts, and all findings."""
    findings = list(data_findings(found))
    if found.asked is not None and found.setup.learns_by_steps:
        findings += [*settings_findings(found), *network_findings(found)]
    findings = in_order(findings)
    return _verdict(found, findings), _facts(found), findings


def _verdict(found: Examination, findings: list[Finding]) -> str:
    if found.asked is None:
        word = "colour statistics are fitted outright: there is nothing to go wrong in a training"
        return f"{word}; {findings[0].title}" if findings else f"{word}; the data are fine"
    low, high = interval(found.asked.right)
    steps = f"in a training of {found.steps} steps" if found.steps else "in a short training"
    reached = f"{percent(found.asked.accuracy)} ({percent(low)} to {percent(high)}) right {steps}"
    if not found.failing:
        plain = f"plain statistics reach {percent(float(found.reference.mean()))}"
        return f"it learns: {reached}; {plain}"
    learns = chance_p(found.asked.right, found.chance) <= CHANCE
    start = "it learns less than it could" if learns else "it does not learn"
    if chance_p(np.ones_like(found.asked.right), found.chance) > CHANCE:  # even if all were right
        start = "too few pictures to say whether it learns"
    why = findings[0].title if findings else "and no experiment says why"
    return f"{start}: {reached}; {why}"


def _facts(found: Examination) -> list[str]:
    test = found.test
    lines = [
        f"{sum(found.counts.values()):,} pictures, {found.classes} classes; {len(found.split.train)} were trained on "
        f"here and {len(found.split.val)} measured on, at {found.loaded.size[0]}x{found.loaded.size[1]} pixels",
        f"chance is {percent(found.chance)}; plain statistics, fitted to the same pictures, reach "
        f"{percent(float(found.reference.mean()))}",
    ]
    best = sorted(zip(test.accuracies, test.names, strict=True), reverse=True)
    lines.append(
        "left out in turn: " + ", ".join(f"{name} {percent(value)}" for value, name in best) + f" (p = {test.p:.3f})"
    )
    if found.range is not None:
        lines.append(f"rates: {range_line(found.range)}")
    if found.asked is not None and found.setup.learns_by_steps:
        known = [heart for heart in found.by_heart if knows(heart)]
        if known:
            lines.append(f"one batch by heart: {known[0].name}, in {len(known[0].losses)} steps")
        elif found.failing:
            lines.append("one batch by heart: no attempt succeeded")
        else:
            lines.append("one batch by heart: not in so few steps; the training learns all the same")
        place = "the whole picture" if found.seen.joined else f"{found.seen.pixels} pixels across, then pools"
        lines.append(f"the network sees {place}")
    return lines
