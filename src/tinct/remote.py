"""Files at addresses: http(s) by Python alone, s3://, gs:// and others by fsspec (extra `remote`).

If a connection breaks, another one goes on at the byte where it broke: no byte is missing, none comes twice.
"""

from __future__ import annotations

import re
import time
from typing import Any

from tinct.errors import MissingExtraError, SettingError

TRIES = 6  # requests that fail in a row, with no byte received between them
PAUSE = 0.5  # seconds after the first failed request; twice as long after each further one
TIMEOUT = 60.0  # seconds


class UnreachableError(OSError):
    """A server does not answer after several requests, refuses, or the file changed while it was read."""


def is_address(place: object) -> bool:
    """Return whether a place is an address, such as `https://host/file` or `s3://bucket/file`, rather than a path."""
    return re.match(r"[a-z][a-z0-9+.-]+://", str(place)) is not None


def is_http(place: object) -> bool:
    """Return whether a place is an http(s) address, which needs no extra."""
    return str(place).startswith(("http://", "https://"))


def open_address(address: str) -> Any:
    """Open a file at an address for reading bytes, from its beginning to its end.

    Raises:
        FileNotFoundError: there is no such file.
        UnreachableError: the server does not answer after `TRIES` requests, or refuses. Reading may raise it too.
        MissingExtraError: fsspec is not installed.
        SettingError: fsspec does not know this kind of address.
    """
    if is_http(address):
        return _HttpStream(address)
    system, path = file_system(address)
    try:
        return system.open(path, "rb")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreachableError(str(error)) from error


def file_system(address: str) -> tuple[Any, str]:
    """Return fsspec's file system for an address, and the path in it.

    Raises:
        MissingExtraError: fsspec, or what it needs for S3, is not installed.
        SettingError: fsspec does not know this kind of address.
    """
    try:
        import fsspec
    except ImportError as error:
        raise MissingExtraError("remote", f"reading and writing at {address}") from error
    try:
        system, path = fsspec.core.url_to_fs(address)
    except ImportError as error:
        if address.startswith("s3://"):
            raise MissingExtraError("remote", f"reading and writing at {address}") from error
        raise SettingError(f"{address}: {error}") from error
    except ValueError as error:
        raise SettingError(f"{address}: {error}; use a path, or an address such as s3://BUCKET/FOLDER") from error
    return system, str(path)


class _HttpStream:
    """The body of a response; reading goes on over broken connections."""

    def __init__(self, address: str) -> None:
        from http.client import HTTPException  # slow to import

        self._broken = (OSError, HTTPException)
        self._address = address
        self._at = 0
        self._size: int | None = None
        self._tag: str | None = None
        self._failures = 0
        self._answer: Any = None
        self._again()

    def __enter__(self) -> _HttpStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        if self._answer is not None:
            self._answer.close()

    def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes, or fewer at the end; below 0, all that are left."""
        pieces: list[bytes] = []
        left = size
        while left:
            piece = self._piece(left)
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece) if size > 0 else 0
        return b"".join(pieces)

    def _piece(self, most: int) -> bytes:
        """Return at most `most` of the next bytes, or a megabyte if it is not above 0; none at the end."""
        while True:
            try:
                piece: bytes = self._answer.read(most if most > 0 else 1 << 20)
                if not piece and self._size is not None and self._at < self._size:
                    raise ConnectionError(f"the connection ended after {self._at} of {self._size} bytes")
            except self._broken as error:
                self._wait(error)
                self._again()
                continue
            self._at += len(piece)
            self._failures = 0 if piece else self._failures
            return piece

    def _again(self) -> None:
        import urllib.error
        import urllib.request

        while True:
            self.close()
            headers = {"Range": f"bytes={self._at}-"} if self._at else {}
            if self._at and self._tag and not self._tag.startswith("W/"):
                headers["If-Range"] = self._tag
            try:
                request = urllib.request.Request(self._address, headers=headers)
                self._answer = urllib.request.urlopen(request, timeout=TIMEOUT)
                self._check_same()
                return
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    raise FileNotFoundError(self._address) from error
                if error.code < 500 and error.code not in (408, 429):
                    raise UnreachableError(f"the server answered {error.code} {error.reason}") from error
                self._wait(error)
            except UnreachableError:
                raise
            except self._broken as error:
                self._wait(error)

    def _check_same(self) -> None:
        """Check that the file has not changed, and skip what was read before if the server sends it all again."""
        length, tag = self._answer.headers.get("Content-Length"), self._answer.headers.get("ETag")
        skipped = self._at if self._answer.status == 206 else 0
        size = None if length is None else int(length) + skipped
        if self._at and (size, tag) != (self._size, self._tag):
            raise UnreachableError("it changed while it was read")
        self._size, self._tag = size, tag
        missing = self._at - skipped
        while missing:
            piece = self._answer.read(min(missing, 1 << 20))
            if not piece:
                raise ConnectionError("the connection ended before the place where it broke last")
            missing -= len(piece)

    def _wait(self, error: Exception) -> None:
        self._failures += 1
        if self._failures >= TRIES:
            raise UnreachableError(f"{error}; tried {TRIES} times") from error
        time.sleep(PAUSE * 2 ** (self._failures - 1))
