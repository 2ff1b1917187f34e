"""A doctor's page: self-contained, with every finding, and figures only of what was measured."""

from __future__ import annotations

import re

import pytest

from tinct.errors import OutputError, SettingError
from tinct.learn.doctor.findings import Diagnosis, Finding, in_order, percent
from tinct.study.report.doctor_page import make_page, write_page

TEST = {
    "names": ["colors", "layout"], "accuracies": [0.97, 0.52], "values": [0.003, 0.4],
    "shuffled": [0.5, 0.55, 0.52, 0.58], "best": 0.97, "p": 0.003,
}  # fmt: skip
MEASURED = {
    "classes": {"low": 10, "high": 10},
    "chance": 0.5,
    "reference": 0.97,
    "rate": 0.01,
    "labels": TEST,
    "spaces": None,
    "curve": [{"count": 10, "accuracy": 0.8, "error": 0.05}, {"count": 20, "accuracy": 0.9, "error": 0.04}],
    "range": {
        "rates": [1e-6, 1e-4, 1e-2],
        "losses": [0.7, 0.4, 9.0],
        "lowest": 1e-4,
        "breaks": 1e-2,
        "suggested": 1e-5,
    },
    "by_heart": [{"name": "as asked", "rate": 0.01, "losses": [300.0, None], "accuracy": 0.5}],
    "layers": [{"name": "features.0", "weights": 1.0, "gradient": 0.5, "ratio": 0.5}],
    "units_before": [{"name": "ReLU 1 of 1", "units": 8, "dead": 0.0, "zeros": 0.5}],
    "units_after": [{"name": "ReLU 1 of 1", "units": 8, "dead": 1.0, "zeros": 1.0}],
    "channels": [{"name": "rgb.red", "mean": 90.0, "spread": 20.0, "signal": 0.4, "ratio": 0.004}],
    "other_channels": [{"name": "lab.a", "mean": 3.0, "spread": 2.0, "signal": 1.0, "ratio": 0.3}],
    "changes": [{"name": "hue", "before": 0.97, "after": 0.5, "p": 1e-9}],
    "trials": [
        {"name": "as asked", "losses": [40.0, 0.69, None], "accuracy": 0.5, "interval": [0.4, 0.6]},
        {"name": "standardised", "losses": [0.7, 0.3, 0.1], "accuracy": 0.95, "interval": [0.9, 0.98]},
    ],
}
FINDINGS = [
    Finding("stuck", 45, "the loss <stays>", ["ln(2) = 0.69"], "see the others"),
    Finding("unscaled-input", 95, "the input is unscaled", ["rgb.red: mean 90"], "standardise", sure=False),
]


def diagnosis(findings=(), measured=MEASURED):
    return Diagnosis(
        "pictures & more/", {"network": "small_cnn"}, "it does not learn", ["a fact"], list(findings), measured
    )


def test_a_page_needs_nothing_else_and_says_everything():
    page = make_page(diagnosis(in_order(FINDINGS)))
    assert "2 findings, the weightiest first" in page
    assert page.index("The input is unscaled.") < page.index("The loss &lt;stays&gt;.")
    assert "not proven" in page
    assert page.count("<svg") == 10
    assert not re.search(r'(src|href)="(?!#|data:)', page)
    assert "<script" not in page
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page
    assert "pictures &amp; more/" in page


def test_nothing_to_complain_of_and_little_measured():
    page = make_page(diagnosis(measured={"classes": {"a": 1}}))
    assert "Nothing to complain of" in page
    assert "<svg" not in page


def test_the_page_is_written_beside_and_renamed_or_refused(tmp_path):
    target = write_page(diagnosis(), tmp_path / "why.html")
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["why.html"]
    with pytest.raises(SettingError, match=r"ending in \.html"):
        write_page(diagnosis(), tmp_path / "why.pdf")
    with pytest.raises(OutputError, match="make it first"):
        write_page(diagnosis(), tmp_path / "no" / "why.html")


def test_findings_know_their_level_and_shares_are_short():
    assert [each.level for each in in_order(FINDINGS)] == ["serious", "fair"]
    assert Finding("x", 10, "", [], "").level == "note"
    assert (percent(0.985), percent(1), percent(0.1201)) == ("98.5 %", "100 %", "12 %")
    assert diagnosis(FINDINGS).to_json()["findings"][1]["level"] == "serious"
