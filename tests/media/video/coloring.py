"""A film with made-up colours, by the whole way from file to file."""

from __future__ import annotations

from itertools import groupby

import numpy as np

from tinct.media.video.mux import assemble, check_target
from tinct.media.video.probe import open_film
from tinct.media.video.read import read_frames
from tinct.media.video.recipe import choose_recipe
from tinct.media.video.write import new_segment


def make_segments(film, folder, recipe, *, cuts=(7, 8, 21), start_pts=None, end_pts=None):
    """Encode a film, with colours that change, in segments that end before the frames of these numbers."""
    paths = []
    dtype = np.uint8 if recipe.bits == 8 else np.uint16
    frames = read_frames(film, start_pts=start_pts, end_pts=end_pts)
    for _, part in groupby(frames, lambda frame: sum(frame.number >= cut for cut in cuts)):
        paths.append(folder / f"{len(paths)}.part")
        with new_segment(paths[-1], film, recipe, threads=2) as writer:
            for frame in part:
                u = np.full(recipe.chroma_shape, (80 + frame.number) << recipe.bits - 8, dtype)
                writer.write(frame.luma, u, u + 20, pts=frame.pts, duration=frame.duration)
    return paths


def colored(source, target, *, recipe=None, sound="copy", note="", start_pts=None, end_pts=None, opened=None, **asked):
    film = open_film(source, **opened or {})
    recipe = recipe or choose_recipe(film, target, **asked)
    folder = source.parent / "work"
    folder.mkdir(exist_ok=True)
    parts = make_segments(film, folder, recipe, start_pts=start_pts, end_pts=end_pts)
    remarks = check_target(film, target, recipe, sound=sound)
    window = {"start_pts": start_pts, "end_pts": end_pts}
    assert assemble(film, parts, target, recipe, sound=sound, note=note, **window) == remarks
    assert [path for path in target.parent.iterdir() if path.name.startswith(".")] == []
    return open_film(target), remarks
