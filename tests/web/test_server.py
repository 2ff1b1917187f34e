"""A server in a process of its own: rude clients, full queues, its end, and what a crash leaves."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tinct.cli import build
from tinct.errors import TinctError
from web.helpers import Process, eventually, serving


def ask(process: Process, head: str, body: bytes = b"", *, wait: float = 20) -> bytes:
    with socket.create_connection(("127.0.0.1", process.port), timeout=wait) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def multipart(data: bytes) -> tuple[str, bytes]:
    body = b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + data + b"\r\n--xx--\r\n"
    head = (
        "POST /v1/colorize HTTP/1.1\nHost: 127.0.0.1\nConnection: close\n"
        f"Content-Type: multipart/form-data; boundary=xx\nContent-Length: {len(body)}"
    )
    return head, body


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def healthy(process: Process) -> dict[str, Any]:
    with urllib.request.urlopen(f"{process.url}healthz", timeout=10) as response:
        found: dict[str, Any] = json.load(response)
    return found


def test_half_sent_bodies_are_given_up(tiny_model: Path, grey_png: bytes) -> None:
    with serving("serve", "--port", "0", "--model", str(tiny_model), "--request-seconds", "0.5") as process:
        head, body = multipart(grey_png)
        answer = ask(process, head, body[:100])
        assert status_of(answer) == 408
        assert b"stopped arriving" in answer
        assert healthy(process)["inside"] == 0
        code, errors = process.end()
        assert (code, errors) == (143, "tinct: stopped; what was sent is deleted\n")


def test_many_at_once_are_answered_or_refused_and_rude_ones_do_no_harm(server: Process, grey_png: bytes) -> None:
    (store,) = server.place.glob("tinct-serve-*")  # type: ignore[attr-defined]
    before = set(store.iterdir())
    statuses: Counter[int] = Counter()
    guard = threading.Lock()
    head, body = multipart(grey_png)

    def good() -> None:
        status = status_of(ask(server, head, body, wait=60))
        with guard:
            statuses[status] += 1

    def rude(number: int) -> None:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            if number % 3 == 0:
                connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body[: len(body) // 2])
            elif number % 3 == 1:
                connection.sendall(b"\x16\x03\x01garbage\r\n\r\n")
            else:  # everything, and gone before the answer
                connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)

    threads = [threading.Thread(target=good) for _ in range(30)]
    threads += [threading.Thread(target=rude, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(statuses.values()) == 30
    assert set(statuses) <= {200, 429}
    assert statuses[200] >= 2
    eventually(lambda: healthy(server)["inside"] == 0)
    assert set(store.iterdir()) <= before  # nothing is left of any of them
    assert b"200 OK" in ask(server, head, body)


def test_large_bodies_that_are_refused_get_their_answer(tiny_model: Path) -> None:
    with serving("serve", "--port", "0", "--model", str(tiny_model), "--photo-mb", "0.5") as process:
        head, body = multipart(b"x" * 3_000_000)
        assert status_of(ask(process, head, body)) == 413
        chunked = head[: head.index("Content-Length")] + "Transfer-Encoding: chunked"
        parts = [body[place : place + 100_000] for place in range(0, 800_000, 100_000)]
        pieces = b"".join(b"186a0\r\n" + part + b"\r\n" for part in parts) + b"0\r\n\r\n"
        assert status_of(ask(process, chunked, pieces)) == 413


def test_what_the_disk_has_no_room_for_is_refused_before_it_comes(tiny_model: Path) -> None:
    with serving("serve", "--port", "0", "--model", str(tiny_model), "--disk-mb", "5") as process:
        head, body = multipart(b"x" * 1000)
        large = head.replace("/v1/colorize", "/v1/video").replace(f"Length: {len(body)}", "Length: 90000000")
        assert status_of(ask(process, large, body)) == 413  # told after the first bytes
        # Each lies on disk twice: while one of 1.5 MB comes, a second one has no room.
        held = head.replace(f"Length: {len(body)}", "Length: 1500000")
        with socket.create_connection(("127.0.0.1", process.port), timeout=20) as connection:
            connection.sendall(held.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
            eventually(lambda: healthy(process)["inside"])
            assert status_of(ask(process, held, body)) == 507
            # Of unknown length: counted as it comes.
            chunked = head[: head.index("Content-Length")] + "Transfer-Encoding: chunked"
            piece = b"186a0\r\n" + body[:-10].ljust(100_000, b"x") + b"\r\n"
            assert status_of(ask(process, chunked, piece * 20 + b"0\r\n\r\n")) in (413, 507)
        eventually(lambda: not healthy(process)["inside"])
        assert status_of(ask(process, head, body)) == 415  # there is room again: garbage is told as such


def test_other_machines_need_a_token_that_is_made(tiny_model: Path) -> None:
    with serving("serve", "--host", "0.0.0.0", "--port", "0", "--model", str(tiny_model)) as process:
        address, _, token = process.url.partition("#token=")
        assert len(token) >= 20
        for given, status in ((token, 200), ("guess", 401)):
            head = f"GET /v1/models HTTP/1.1\nHost: evil.example\nConnection: close\nAuthorization: Bearer {given}"
            assert status_of(ask(process, head)) == status
        assert address.startswith("http://127.0.0.1:")
        assert "a token was made" in process.end()[1]


def test_no_leftovers_after_its_end_and_none_of_a_killed_one(tiny_model: Path, tmp_path: Path, grey_png: bytes) -> None:
    env = {"TMPDIR": str(tmp_path)}
    arguments = ("serve", "--port", "0", "--model", str(tiny_model))
    head, body = multipart(grey_png)
    keep = body.replace(
        b"--xx--\r\n", b'--xx\r\nContent-Disposition: form-data; name="reply"\r\n\r\njson\r\n--xx--\r\n'
    )
    head = head.replace(f"Length: {len(body)}", f"Length: {len(keep)}")
    with serving(*arguments, env=env) as first:
        assert status_of(ask(first, head, keep)) == 200
        assert len(list(tmp_path.glob("tinct-serve-*/*/colorized.png"))) == 1
        first.end(signal.SIGKILL)
        assert len(list(tmp_path.glob("tinct-serve-*/*/colorized.png"))) == 1
    with serving(*arguments, env=env) as second:
        assert list(tmp_path.glob("tinct-serve-*/*/colorized.png")) == []
        second.end(signal.SIGINT)
    assert list(tmp_path.iterdir()) == []


def refused(*arguments: str) -> str:
    """Run `tinct serve` in this process; give what it says as it fails."""
    with pytest.raises(TinctError) as error:
        build()(["serve", *arguments], standalone_mode=False)
    return str(error.value)


def test_a_port_that_is_taken_is_told(server: Process) -> None:
    assert "--port" in refused("--port", str(server.port))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--host", "no.such.host.invalid"), "not an address"),
        (("--megapixels", "0"), "megapixels"),
        (("--model", "nowhere.onnx"), "nowhere.onnx"),
        (("--token-file", "nowhere.txt"), "nowhere.txt"),
    ],
)
def test_bad_options_are_told(arguments: tuple[str, ...], words: str) -> None:
    assert words in refused("--port", "0", *arguments)


def test_without_the_extra_it_is_named() -> None:
    program = "import sys; sys.modules['fastapi'] = None\nfrom tinct.cli import main; main()"
    for verb in ("serve", "turing"):
        command = [sys.executable, "-c", program, verb]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert done.stderr.endswith("run  pip install 'tinct[web]'\n")
        assert done.stderr.count("\n") == 1
