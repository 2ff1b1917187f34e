"""`tinct classify doctor` as a user runs it."""

from __future__ import annotations

import json

import pytest

from cli.process import run_here
from learn.doctor.made_up import plain_pictures, write


@pytest.fixture(scope="module")
def blue(tmp_path_factory):
    return write(tmp_path_factory.mktemp("blue"), *plain_pictures(80, size=24))


def run(*arguments):
    return run_here("classify", "doctor", *arguments)


def test_findings_are_printed_with_evidence_and_remedy(blue):
    done = run(blue, "--as-first-written", "--lr", "0.1", "--option", "width=4", "--steps", "20")
    assert done.exit_code == 0, done.output
    assert "it does not learn" in done.stdout
    assert "1. " in done.stdout
    assert "remedy: " in done.stdout


def test_json_and_strict(blue, tmp_path):
    done = run(blue, "--network", "color_statistics", "--json", "--strict")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["findings"] == []
    assert found["measurements"]["labels"]["p"] < 0.05
    few = write(tmp_path, *plain_pictures(12, size=24))
    assert run(few, "--network", "color_statistics", "--strict").exit_code == 1


def test_bad_settings_are_said_before_anything_is_done(blue, tmp_path):
    for arguments, words in (
        (("--network", "resnet"), "no network 'resnet'"),
        (("--color-space", "cmyk"), "no colour space 'cmyk'"),
        (("--augment", "hue"), "--augment needs NAME=VALUE"),
        (("--size", "huge"), "--size needs one edge"),
        (("--lr", "0"), "rate"),
    ):
        done = run(blue, *arguments)
        assert done.exit_code != 0
        assert words in str(done.exception), arguments
    assert "no pictures" in str(run(tmp_path).exception)
