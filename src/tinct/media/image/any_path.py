"""Paths of any name, UTF-8 or not, in and out of libvips."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyvips


def encodes(path: str | Path) -> bool:
    """Say whether a path is valid UTF-8, which libvips' own way of opening files needs."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def open_source(path: Path) -> pyvips.Source:
    """Open a file of any name for libvips to read.

    Raises:
        pyvips.Error: it cannot be opened.
    """
    if encodes(path):
        return pyvips.Source.new_from_file(str(path))
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise pyvips.Error(str(error.strerror)) from error
    try:
        return pyvips.Source.new_from_descriptor(descriptor)  # which keeps a descriptor of its own
    finally:
        os.close(descriptor)


def save(image: pyvips.Image, saver: str, path: Path, options: dict[str, Any]) -> None:
    """Write an image by one of libvips' savers, called without `save`, to an existing file of any name.

    Raises:
        pyvips.Error: it cannot be written.
        OSError: the file cannot be opened.
    """
    if encodes(path):
        getattr(image, f"{saver}save")(str(path), **options)
        return
    descriptor = os.open(path, os.O_RDWR | os.O_TRUNC | getattr(os, "O_BINARY", 0))
    try:
        getattr(image, f"{saver}save_target")(pyvips.Target.new_to_descriptor(descriptor), **options)
    finally:
        os.close(descriptor)
