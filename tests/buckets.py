"""A server of S3 on this machine, for tests: moto's, on a free port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

_numbers = count()  # moto keeps buckets from one server to the next


@contextmanager
def bucket_served(patched: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve an empty bucket; yield its address, as long as the block runs."""
    pytest.importorskip("s3fs", reason="needs s3fs: pip install 'tinct[remote]'")
    server = pytest.importorskip("moto.server", reason="needs moto: pip install 'moto[s3,server]'")
    import fsspec

    served = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    served.start()
    host, port = served.get_host_and_port()
    settings = {"KEY": "tester", "SECRET": "tester", "ENDPOINT_URL": f"http://{host}:{port}"}
    for name, value in settings.items():
        patched.setenv(f"FSSPEC_S3_{name}", value)  # for other processes
    patched.setitem(fsspec.config.conf, "s3", {name.lower(): value for name, value in settings.items()})
    bucket = f"archive-{next(_numbers)}"
    fsspec.filesystem("s3").mkdir(bucket)
    try:
        yield f"s3://{bucket}"
    finally:
        served.stop()
