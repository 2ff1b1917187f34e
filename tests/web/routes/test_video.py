"""`POST /v1/video`: a job to watch, cancel, start again and fetch."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from tinct.web.settings import Limits
from web.helpers import decoded, eventually, photo_file, write_film


def send(client: TestClient, film: Path | bytes, **fields: str) -> Any:
    data = film if isinstance(film, bytes) else film.read_bytes()
    return client.post("/v1/video", files=photo_file(data, "film.mp4"), data=fields)


def frames_of(film: bytes) -> list[NDArray[Any]]:
    """Give each frame of a film as (h, w, 3) sRGB."""
    with av.open(io.BytesIO(film)) as container:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]


def until(client: TestClient, job: dict[str, Any], *states: str) -> dict[str, Any]:
    eventually(lambda: client.get(job["link"]).json()["state"] in states)
    found: dict[str, Any] = client.get(job["link"]).json()
    return found


def test_a_film_is_coloured_and_fetched(client: TestClient, film_mp4: Path) -> None:
    response = send(client, film_mp4)
    assert response.status_code == 202
    job = until(client, response.json(), "done", "failed")
    assert job["error"] is None
    assert (job["frames"], job["total"], job["media_type"]) == (12, 12, "video/mp4")
    result = client.get(job["result"])
    assert result.headers["content-type"] == "video/mp4"
    frames = frames_of(result.content)
    assert len(frames) == 12
    assert np.ptp(frames[0], axis=2).max() > 5
    assert client.get(job["result"], headers={"range": "bytes=0-99"}).status_code == 206
    assert client.delete(job["link"]).status_code == 204
    assert client.get(job["link"]).status_code == 404
    assert not (client.store / job["id"]).exists()  # type: ignore[attr-defined]


def test_a_hint_in_a_still_is_shown_and_colours_the_film(client: TestClient, film_mp4: Path) -> None:
    job = send(client, film_mp4, hold="true").json()
    stills = client.get(f"{job['link']}/stills").json()
    assert [still["number"] for still in stills] == [0, 1, 2, 3]
    times = [still["seconds"] for still in stills]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] < 1
    hint = {"points": [[30, 30]], "color": "#c02020"}
    shown = client.post(f"{job['link']}/stills/0", json={"hints": [hint]})
    still = decoded(shown.content).astype(int)
    height, width = still.shape[:2]
    place = (int(0.3 * height), int(0.3 * width))
    assert still[place][0] > still[place][1] + 30
    assert client.get(f"{job['link']}/stills/0/colors", params={"x": 30, "y": 30}).json()["colors"]
    assert client.get(f"{job['link']}/newest").status_code == 409
    assert client.post(f"{job['link']}/start", json={"hints": [hint | {"time": times[0]}]}).status_code == 202
    done = until(client, job, "done", "failed")
    assert done["error"] is None
    newest = decoded(client.get(f"{job['link']}/newest").content)
    assert newest.shape == (96, 128, 3)
    frames = frames_of(client.get(done["result"]).content)
    assert frames[0][28, 38, 0] > frames[0][28, 38, 1] + 30
    # It is one of the film's frames, as far as JPEG and chroma at half size go.
    assert min(np.abs(newest - frame).mean() for frame in frames) < 6
    for bad in ({"hints": [hint]}, {"hints": [hint | {"time": -1}]}, {"hints": [hint | {"time": 0, "points": []}]}):
        assert client.post(f"{job['link']}/start", json=bad).status_code == 422


def test_stills_show_settings_before_the_start(client: TestClient, film_mp4: Path) -> None:
    job = send(client, film_mp4, hold="true").json()
    assert job["state"] == "held"
    grey = decoded(client.get(f"{job['link']}/stills/0?grey=true").content).astype(int)
    assert np.ptp(grey, axis=2).max() <= 2
    usual = decoded(client.get(f"{job['link']}/stills/0").content).astype(int)
    assert np.ptp(usual, axis=2).max() > 3
    other = decoded(client.get(f"{job['link']}/stills/0?temperature=0.05").content)
    assert np.abs(other - usual).max() > 2
    assert client.get(f"{job['link']}/stills/99").status_code == 404
    assert client.get(f"{job['link']}/result").status_code == 409
    assert client.post(f"{job['link']}/start", json={"temperature": 0.5}).status_code == 202
    until(client, job, "done")
    client.delete(job["link"])


def test_cancelling_and_starting_again(client: TestClient, tmp_path: Path) -> None:
    film = write_film(tmp_path / "long.mp4", frames=240, rate=24)
    job = send(client, film).json()
    assert client.post(f"{job['link']}/start", json={}).status_code == 409  # it waits or runs
    eventually(lambda: client.get(job["link"]).json()["frames"] > 2)
    assert client.post(f"{job['link']}/cancel").status_code == 200
    assert until(client, job, "cancelled", "done")["state"] == "cancelled"
    assert client.get(f"{job['link']}/result").status_code == 409
    assert client.post(f"{job['link']}/start", json={}).status_code == 202
    client.delete(job["link"])
    eventually(lambda: not (client.store / job["id"]).exists())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n", "not a film"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "not a film"),
        (b"\0\0\0\x18ftypisom" + b"garbage" * 50, ""),
        (b"\x89PNG\r\n\x1a\n", "photograph"),
    ],
)
def test_what_is_no_film_is_told_in_words(client: TestClient, data: bytes, words: str) -> None:
    response = send(client, data)
    assert response.status_code == 415
    assert words in response.json()["error"]
    assert "/tmp" not in response.json()["error"]


def test_a_film_sent_as_a_photograph_is_told(client: TestClient, film_mp4: Path) -> None:
    response = client.post("/v1/colorize", files=photo_file(film_mp4.read_bytes()))
    assert response.status_code == 415
    assert "It is a film." in response.json()["error"]


def test_hints_for_a_film(client: TestClient, film_mp4: Path) -> None:
    job = send(client, film_mp4, hints='[{"x": 60, "y": 30, "color": "#c02020", "frame": 0}]').json()
    job = until(client, job, "done", "failed")
    assert job["error"] is None
    first = frames_of(client.get(job["result"]).content)[0]
    assert first[30, 60, 0] > first[30, 60, 1] + 20
    client.delete(job["link"])
    for wrong in ("[1", '[{"x": 60, "y": 30, "color": "#c02020"}]'):
        response = send(client, film_mp4, hints=wrong)
        assert response.status_code == 422
        assert "/tmp" not in response.json()["error"]
    lost = until(
        client, send(client, film_mp4, hints='[{"x": 999, "y": 1, "color": "#fff", "frame": 0}]').json(), "failed"
    )
    assert "outside" in lost["error"]
    client.delete(lost["link"])


def test_limits_of_films(make_client: Callable[..., TestClient], film_mp4: Path, tmp_path: Path) -> None:
    client = make_client(Limits(film_seconds=0.5, films_waiting=1))
    response = send(client, film_mp4)
    assert response.status_code == 413
    assert "seconds" in response.json()["error"]
    client = make_client(Limits(megapixels=0.001))
    response = send(client, film_mp4)
    assert response.status_code == 413
    assert "tinct video" in response.json()["error"]


def test_only_so_many_films_wait(make_client: Callable[..., TestClient], tmp_path: Path) -> None:
    client = make_client(Limits(films_waiting=1))
    film = write_film(tmp_path / "long.mp4", frames=120, rate=24)
    jobs = [send(client, film, hold="true").json() for _ in range(3)]
    answers = [client.post(f"{job['link']}/start", json={}).status_code for job in jobs]
    assert answers[0] == 202
    assert answers.count(429) >= 1
    for job in jobs:
        client.delete(job["link"])


def test_a_film_is_shown_at_another_rate_and_times_stay_those_of_what_was_sent(
    client: TestClient, film_mp4: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tinct.web import jobs

    told = []

    def colored(*given: Any, settings: Any, **options: Any) -> Any:
        told.append([hint.seconds for hint in settings.hints])
        return colorize_video(*given, settings=settings, **options)

    colorize_video = jobs.colorize_video
    monkeypatch.setattr(jobs, "colorize_video", colored)
    with av.open(str(film_mp4)) as container:
        rate = container.streams.video[0].average_rate
    hints = '[{"x": 25, "y": 60, "unit": "percent", "color": "#b03020", "time": 0.2}]'
    sent = send(client, film_mp4, rate=str(float(rate / 2)), deinterlace="off", hints=hints).json()
    job = until(client, sent, "done", "failed")
    assert job["error"] is None
    with av.open(io.BytesIO(client.get(job["result"]).content)) as container:
        assert container.streams.video[0].average_rate == rate / 2
    assert client.post(f"{job['link']}/start", json={"rate": 0}).status_code == 202
    until(client, job, "done")
    assert told == [[pytest.approx(0.4)], [pytest.approx(0.2)]]
