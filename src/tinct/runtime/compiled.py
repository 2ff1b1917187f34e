"""Networks as OpenVINO has compiled them, kept between runs: opening one again takes a fifth of the processor's time.

They lie in the user's folder for what can be made again, or in the one that the environment's `TINCT_CACHE` names;
`off` there keeps nothing. A file is known by all that it depends on: the model's bytes, OpenVINO's version, the
processor and the settings. Where none can be read or written, the network is compiled as if there were no such folder.
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

MOST_KEPT = 8  # networks; the longest unused go first, since each takes twice its model's room
_SUFFIX = ".blob"


class KeptNetwork:
    """The place of one compiled network, whose memory is the file's own as long as this object lives."""

    def __init__(self, openvino: ModuleType, core: openvino.Core, model: Path, settings: Mapping[str, Any]) -> None:
        """Find the place for a model file compiled with some settings by OpenVINO.

        Raises:
            OSError: the model file cannot be read.
        """
        self._openvino, self._core, self._settings = openvino, core, dict(settings)
        self._file: Path | None = None
        folder = cache_folder()
        if folder is not None:
            processor = [core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
            mark = sha256(repr([openvino.__version__, processor, sorted(settings.items())]).encode())
            mark.update(np.memmap(model, mode="r").data)
            self._file = folder / "openvino" / f"{mark.hexdigest()}{_SUFFIX}"

    def load(self) -> openvino.CompiledModel | None:
        """Return the network if it was kept and is whole."""
        if self._file is None or not _is_own(self._file):
            return None
        try:
            # Mapped, not read: copies of it took half of the time. Such a file is replaced whole, and never changes.
            self._content = self._openvino.Tensor(np.memmap(self._file, mode="c"), shared_memory=True)
            compiled: openvino.CompiledModel = self._core.import_model(self._content, "CPU", self._settings)
            os.utime(self._file)  # it was used
        except (OSError, ValueError, RuntimeError):  # of an empty file it is a ValueError
            return None
        return compiled

    def store(self, compiled: openvino.CompiledModel) -> None:
        """Keep the network if that is possible, and no more than `MOST_KEPT`."""
        if self._file is None:
            return
        with suppress(OSError, OutputError, RuntimeError):
            folder = self._file.parent
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with written_beside(self._file) as beside, beside.open("wb") as file:
                file.write(compiled.export_model().getbuffer())
                file.flush()
                os.fsync(file.fileno())  # half a network would be taken for a whole one
            kept = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
            for old in kept[MOST_KEPT:]:
                old.unlink(missing_ok=True)


def _is_own(file: Path) -> bool:
    """Return whether a file is there and was written by this user, not by another who may write into the folder."""
    try:
        return not hasattr(os, "getuid") or file.stat().st_uid == os.getuid()
    except OSError:
        return False
