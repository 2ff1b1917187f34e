"""A cache of networks that OpenVINO has compiled: opening one again takes a fifth of the processor time.

It lies in the user's cache folder, or in the one that the environment variable `TINCT_CACHE` names; `off` disables it.
A file's name is a hash of everything that the compiled network depends on: the model's bytes, OpenVINO's version, the
processor and the settings. If the cache cannot be read or written, the network is compiled.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinct.errors import OutputError
from tinct.files import cache_folder, written_beside

if TYPE_CHECKING:
    from types import ModuleType

    import openvino

MOST_KEPT = 8  # networks; the least recently used are deleted, since each takes twice its model's space
_SUFFIX = ".blob"


class KeptNetwork:
    """The place of one compiled network in the cache; the network uses the mapped file while this object lives."""

    def __init__(self, openvino: ModuleType, core: openvino.Core, model: Path, settings: Mapping[str, Any]) -> None:
        """Find the place of a model file compiled with these settings.

        Raises:
            OSError: the model file cannot be read.
        """
        self._openvino, self._core, self._settings = openvino, core, dict(settings)
        self._file: Path | None = None
        folder = cache_folder()
        if folder is not None:
            processor = [core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
            digest = sha256(repr([openvino.__version__, processor, sorted(settings.items())]).encode())
            digest.update(np.memmap(model, mode="r").data)
            self._file = folder / "openvino" / f"{digest.hexdigest()}{_SUFFIX}"

    def load(self) -> openvino.CompiledModel | None:
        """Return the network if it is in the cache and whole, else None."""
        if self._file is None or not _is_own(self._file):
            return None
        try:
            # Mapped, not read: copying it took half of the time. The file is only ever replaced as a whole.
            self._content = self._openvino.Tensor(np.memmap(self._file, mode="c"), shared_memory=True)
            compiled: openvino.CompiledModel = self._core.import_model(self._content, "CPU", self._settings)
            os.utime(self._file)  # marks it as used
        except (OSError, ValueError, RuntimeError):  # an empty file raises ValueError
            return None
        return compiled

    def store(self, compiled: openvino.CompiledModel) -> None:
        """Write the network into the cache if possible, and keep no more than `MOST_KEPT`."""
        if self._file is None:
            return
        with suppress(OSError, OutputError, RuntimeError):
            folder = self._file.parent
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with written_beside(self._file) as beside, beside.open("wb") as file:
                file.write(compiled.export_model().getbuffer())
                file.flush()
                os.fsync(file.fileno())  # after a crash, half a network would look like a whole one
            kept = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
            for old in kept[MOST_KEPT:]:
                old.unlink(missing_ok=True)


def _is_own(file: Path) -> bool:
    """Return whether a file exists and belongs to this user, not to another who may write into the folder."""
    try:
        return not hasattr(os, "getuid") or file.stat().st_uid == os.getuid()
    except OSError:
        return False
