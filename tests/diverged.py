"""Model files of trainings that diverged."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def diverge(source: Path, target: Path) -> Path:
    """Write a model file again with weights that are no numbers, as a training that diverges leaves them."""
    import onnx  # an extra's: tests of the core alone do without it
    from onnx import numpy_helper

    model = onnx.load(str(source))
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype.kind == "f" and values.ndim > 1:
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(values, np.nan), tensor.name))
    onnx.save(model, str(target))
    return target
