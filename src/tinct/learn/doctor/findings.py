"""What the doctor reports: a diagnosis with its findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from tinct.data.findings import SERIOUS, Finding

__all__ = ["SERIOUS", "Diagnosis", "Finding", "in_order", "percent"]


@dataclass(frozen=True)
class Diagnosis:
    """The result of an examination.

    Attributes:
        subject: the data or the model that was examined.
        setup: the settings of the training in question, as plain values.
        verdict: the result in one sentence.
        facts: what was measured, whether good or bad, one sentence each.
        findings: what is wrong, the weightiest first.
        measurements: the numbers behind it, as plain values; charts are drawn from them.
        seconds: how long the examination took.
    """

    subject: str
    setup: dict[str, Any]
    verdict: str
    facts: list[str]
    findings: list[Finding]
    measurements: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def kinds(self) -> list[str]:
        """Return the kinds of the findings, the weightiest first."""
        return [finding.kind for finding in self.findings]

    def __str__(self) -> str:
        """Return verdict, numbered findings with evidence and remedy, and facts, as the command line prints them."""
        lines = [f"{self.subject}: {self.verdict}"]
        for number, finding in enumerate(self.findings, start=1):
            doubt = "" if finding.sure else " (likely, but not proven)"
            lines += ["", f"{number}. {finding.title}{doubt}", *(f"   {line}" for line in finding.evidence)]
            lines.append(f"   remedy: {finding.remedy}")
        if not self.findings:
            lines.append("nothing to complain of")
        return "\n".join([*lines, "", *self.facts])

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        findings = [{**asdict(finding), "level": finding.level} for finding in self.findings]
        return {**vars(self), "findings": findings}


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, the weightiest first; among equal weights, those that are sure first."""
    return sorted(findings, key=lambda finding: (-finding.weight, not finding.sure))


def percent(share: float) -> str:
    """Write a share as 98.5 %, or as 98 % if it is about a whole number."""
    value = 100 * share
    return f"{value:.0f} %" if abs(value - round(value)) < 0.05 else f"{value:.1f} %"
