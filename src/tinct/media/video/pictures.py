"""Write a film as pictures, one for each frame: `f_0001.dpx`, `f_0002.dpx` and so on.

Pictures of a folder or a pattern keep the numbers in their names. Frames of a film, and those that are made of the
fields of pictures, are counted from 1.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.errors import OutputError
from tinct.files import UNFINISHED, check_place, make_folder
from tinct.media.video.film import Film
from tinct.media.video.sequence import find_pictures, numbered, numbers_of

if TYPE_CHECKING:
    from tinct.media.video.write import Segment


def check_pictures(film: Film, target: Path, *, sound: str, overwrite: bool) -> None:
    """Refuse, before any work is done, pictures that cannot or must not be written; make their folder.

    Raises:
        OutputError: some exist already, or are the film's own; or the film has sound that is not to be left out.
    """
    there = find_pictures(target)
    own = {path.resolve() for path in film.images}
    if any(path.resolve() in own for path in there):
        raise OutputError(f"{target}: names pictures of the input itself; choose another name with -o")
    if there and not overwrite:
        raise OutputError(f"{there[0]}: already exists; replace it with --overwrite (overwrite=True)")
    if film.audio and sound != "none":
        raise OutputError(f"{film.path}: pictures cannot hold its sound; leave it out with --sound none")
    make_folder(target.parent)


def write_pictures(film: Film, parts: Sequence[Segment], target: Path) -> list[str]:
    """Write all pictures beside their places, and then rename them into place.

    Args:
        film: the film.
        parts: its frames, each a picture's file.
        target: the pattern of their names.

    Returns:
        How many other pictures have such names, one sentence.

    Raises:
        OutputError: they cannot be written; nothing is left behind.
    """
    # If frames are made of fields, there are more or fewer of them than pictures.
    numbers = None if film.fields.gain != 1 else numbers_of(film.images)
    written: list[str] = []
    with _folder_beside(target) as beside:
        for part in parts:
            for coded in part.packets():
                number = numbers[coded.pts] if numbers else len(written) + 1
                written.append(numbered(target, number).name)
                (beside / written[-1]).write_bytes(coded.data)
        for name in written:
            (beside / name).replace(target.with_name(name))
    others = len(find_pictures(target)) - len(written)
    return [f"{others} other pictures with such names are still there"] if others > 0 else []


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """Yield an empty hidden folder beside pictures, which is deleted after the block."""
    beside = check_place(target).with_name(f".{target.name}{UNFINISHED}")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        yield beside
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"{target}: cannot be written ({why}); free some space, or write elsewhere") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
