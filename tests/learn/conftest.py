"""A dataset to train on."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def dataset(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The 48 photographs, prepared into several shards."""
    from tinct.data.prepare import prepare

    return str(prepare([photo_folder], tmp_path_factory.mktemp("set"), val=0.2, shard_size=10).path)
