"""A film at another rate: frames, sound, subtitles and chapters stretched alike, and the pitch kept."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from media.video import clips
from media.video.coloring import colored
from media.video.test_timeline import shown
from tinct.errors import OutputError
from tinct.media.video.probe import open_film


@pytest.fixture(scope="module")
def super_8(tmp_path_factory):
    """A film of 18 frames a second that was stored with 25, with a tone of 200 Hz, captions and a chapter."""
    folder = tmp_path_factory.mktemp("super8")

    def tell(container, stream):
        chapter = {"id": 1, "start": 400, "end": 800, "time_base": Fraction(1, 1000), "metadata": {"title": "Zwei"}}
        container.set_chapters([chapter])

    bare = clips.write_clip(folder / "bare.mkv", before=tell, options={"bf": "0"})
    return clips.add_tracks(bare, folder / "in.mkv", sounds=[("flac", "deu")], subtitles=clips.SUBTITLES)


def heard(path):
    """A file's sound: how many seconds, and its tone in Hz."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        parts = [frame.to_ndarray()[0].astype(float) for frame in container.decode(stream)]
        rate = stream.rate
    wave = np.concatenate(parts)
    middle = wave[len(wave) // 4 : len(wave) * 3 // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return len(wave) / rate, float(np.argmax(spectrum)) * rate / len(middle)


@pytest.mark.parametrize(("rate", "suffix"), [(18, ".mp4"), (10, ".mkv")])
def test_all_is_stretched_alike_and_the_pitch_kept(super_8, tmp_path, rate, suffix):
    target = tmp_path / f"out{suffix}"
    colored(super_8, target, opened={"rate": rate}, sound="encode", preset="fast")
    exact = [Fraction(number, rate) for number in range(40)]
    off = max(abs(time - wanted) for (time, _), wanted in zip(shown(target), exact, strict=True))
    assert off <= (Fraction(1, 1000) if suffix == ".mkv" else 0)
    seconds, tone = heard(target)
    assert seconds == pytest.approx(1.6 * 25 / rate, abs=0.1)
    assert tone == pytest.approx(200, abs=3)
    film = open_film(target)
    assert float(film.duration) == pytest.approx(1.6 * 25 / rate, abs=0.1)
    chapter = film.chapters[-1]
    assert dict(chapter.notes)["title"] == "Zwei"
    assert float(chapter.start) == pytest.approx(0.4 * 25 / rate, abs=0.002)
    starts = [float(time) for time, _ in clips.packets_of(target, "subtitles") if time]
    assert any(start == pytest.approx(0.7 * 25 / rate, abs=0.01) for start in starts)


def test_sound_that_would_not_fit_is_refused_or_left_out(super_8, tmp_path):
    with pytest.raises(OutputError, match=r"is timed for 25 frames a second, not 18; .* \(--sound encode\).*none"):
        colored(super_8, tmp_path / "out.mp4", opened={"rate": 18})
    result, _ = colored(super_8, tmp_path / "out.mp4", opened={"rate": 18}, sound="none", preset="fast")
    assert result.audio == ()
    assert result.rate == 18


def test_a_part_of_a_stretched_film_is_named_in_its_own_seconds(super_8):
    film = open_film(super_8, rate=18)
    assert float(film.duration) == pytest.approx(1.6 * 25 / 18, abs=0.1)
    assert film.seconds_at(film.pts_at(1)) == 1
