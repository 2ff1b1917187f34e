"""A server under load: 16 clients for two minutes, mixed with garbage, half-sent bodies and clients that hang up.

Every good request must be answered, or refused with 429; the memory must not grow. Neither must it over many
photographs that are opened for editing, given a hint, and closed. Beside it the network is timed on one picture and on
batches: batching requests pays only where a batch takes less than its pictures one by one.

    python benchmarks/serve.py [--seconds 120] [--clients 16] [--edge 1500] [--edits 500] [--to FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from common import seconds as timed
from common import write

SEED = 6
# Shares of requests that are good, garbage in good form, half-sent, and gone before the answer.
KINDS = (("good", 0.7), ("garbage", 0.1), ("half", 0.1), ("gone", 0.1))
BATCHES = (1, 2, 4, 8)


def photographs(edge: int) -> list[bytes]:
    """Make JPEG files that look like nothing, but cost what photographs cost."""
    chance = np.random.default_rng(SEED)
    made = []
    for number in range(6):
        height, width = (edge, edge * 2 // 3) if number % 2 else (edge * 2 // 3, edge)
        small = chance.integers(0, 255, (height // 40, width // 40), dtype=np.uint8)
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        picture += chance.normal(0, 6, picture.shape)
        made.append(bytes(cv2.imencode(".jpg", picture.clip(0, 255).astype(np.uint8))[1]))
    return made


def request(data: bytes) -> bytes:
    body = b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + data + b"\r\n--xx--\r\n"
    head = (
        "POST /v1/colorize HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary=xx\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Load:
    """What all clients share."""

    def __init__(self, port: int, pictures: list[bytes], until: float) -> None:
        self.port = port
        self.pictures = pictures
        self.until = until
        self.guard = threading.Lock()
        self.answers: dict[str, Counter[str]] = {kind: Counter() for kind, _ in KINDS}
        self.times: list[float] = []

    def client(self, number: int) -> None:
        chance = random.Random(1000 * SEED + number)
        while time.monotonic() < self.until:
            kind = chance.choices([name for name, _ in KINDS], [share for _, share in KINDS])[0]
            data = chance.choice(self.pictures)
            if kind == "garbage":
                data = chance.choice([b"", b"garbage" * 1000, data[: len(data) // 3]])
            started = time.monotonic()
            answer, wait = self.ask(kind, request(data))
            with self.guard:
                self.answers[kind][answer] += 1
                if kind == "good" and answer == "200":
                    self.times.append(time.monotonic() - started)
            if answer == "429":
                time.sleep(min(wait, 2) * chance.uniform(0.3, 1))

    def ask(self, kind: str, message: bytes) -> tuple[str, float]:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=120) as connection:
                if kind == "half":
                    connection.sendall(message[: len(message) // 2])
                    return "sent half", 0
                connection.sendall(message)
                if kind == "gone":
                    return "hung up", 0
                answer = b""
                while part := connection.recv(1 << 20):
                    answer += part
        except OSError as error:
            return f"{type(error).__name__}", 0
        head, _, body = answer.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1.1 (\d+)", head)
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if status is None or length is None or len(body) != int(length[1]):
            return "cut off", 0
        wait = re.search(rb"(?i)retry-after: (\d+)", head)
        return status[1].decode(), float(wait[1]) if wait else 0


def memory(process: int) -> float:
    """Give the resident megabytes of a process."""
    text = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return int(found[1]) / 1000 if found else float("nan")


def editing(url: str, pictures: list[bytes], count: int, process: int) -> dict[str, Any]:
    """Open photographs one after the other, look at each with a hint, close it, and watch the server's memory."""
    hint = {"points": [[50, 50]], "color": "#b03020"}
    levels, times = [round(memory(process))], []
    for number in range(count):
        head, body = request(pictures[number % len(pictures)]).split(b"\r\n\r\n", 1)
        kind = re.search(rb"Content-Type: (.*)", head)[1].decode().strip()  # type: ignore[index]
        name = json.loads(asked("POST", f"{url}v1/edits", body, kind))["id"]
        started = time.monotonic()
        asked("POST", f"{url}v1/edits/{name}/preview", json.dumps({"hints": [hint]}).encode(), "application/json")
        times.append(time.monotonic() - started)
        asked("DELETE", f"{url}v1/edits/{name}")
        if (number + 1) % max(1, count // 10) == 0:
            levels.append(round(memory(process)))
    return {
        "opened": count,
        "memory_mb": levels,
        "hint_milliseconds_median": round(1000 * float(np.median(times)), 1),
    }


def asked(method: str, url: str, body: bytes | None = None, kind: str = "") -> bytes:
    wanted = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": kind} if kind else {})
    with urllib.request.urlopen(wanted, timeout=120) as response:
        answer: bytes = response.read()
    return answer


def settled(url: str, server: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait until no request is inside; give the server's health, or say that it is gone."""
    for _ in range(120):
        if server.poll() is not None:
            return {"status": f"ended with {server.returncode}"}
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}healthz", timeout=5) as response:
            health: dict[str, Any] = json.load(response)
            if health["inside"] == 0 and health["working"] == 0:
                return health
        time.sleep(0.5)
    return {"status": "requests are inside still"}


def batches() -> dict[str, Any]:
    """Time the network on several pictures of one size at once, and for each picture."""
    from tinct.coloring.photo.colorizer import Colorizer

    colorizer = Colorizer()
    size = colorizer.size // colorizer.session.card.multiple * colorizer.session.card.multiple
    lumas = np.random.default_rng(SEED).random((max(BATCHES), size, size), dtype=np.float32)
    times = {count: timed(lambda count=count: colorizer.session.run_batch(lumas[:count])) for count in BATCHES}
    return {
        "runtime": colorizer.session.runtime,
        "size": size,
        "milliseconds_a_picture": {str(count): round(1000 * spent / count, 2) for count, spent in times.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--edge", type=int, default=1500)
    parser.add_argument("--edits", type=int, default=500)
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    batched = batches()
    pictures = photographs(options.edge)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tinct", "serve", "--port", "0", "--waiting", "8"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": folder})
        try:
            assert server.stdout is not None
            url = re.search(r"http://\S+", server.stdout.readline())[0]  # type: ignore[index]
            results = measure(server, url, folder, pictures, options)
            if options.edits:
                results["edits"] = editing(url, pictures, options.edits, server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=60)
        results["files_left_at_the_end"] = len(list(Path(folder).rglob("*")))
    results["batches"] = batched
    write("serve", results, seed=SEED, to=options.to)


def measure(
    server: subprocess.Popen[str], url: str, folder: str, pictures: list[bytes], options: argparse.Namespace
) -> dict[str, Any]:
    port = int(url.rsplit(":", 1)[1].strip("/"))
    warm = Load(port, pictures, time.monotonic() + 5)
    for _ in range(6):  # what is loaded on first use is no growth
        warm.ask("good", request(pictures[0]))
    before = memory(server.pid)
    load = Load(port, pictures, time.monotonic() + options.seconds)
    threads = [threading.Thread(target=load.client, args=(number,)) for number in range(options.clients)]
    for thread in threads:
        thread.start()
    levels = []
    while time.monotonic() < load.until and server.poll() is None:
        time.sleep(options.seconds / 12)
        levels.append(round(memory(server.pid)) if server.poll() is None else None)
    for thread in threads:
        thread.join()
    health = settled(url, server)
    good = load.answers["good"]
    times = np.array(load.times or [np.nan])
    return {
        "clients": options.clients,
        "seconds": options.seconds,
        "picture": f"{options.edge} pixels the longer edge, JPEG",
        "answers": {kind: dict(counts) for kind, counts in load.answers.items()},
        "good_neither_answered_nor_429": sum(count for answer, count in good.items() if answer not in ("200", "429")),
        "coloured_a_second": round(good["200"] / options.seconds, 2),
        "seconds_median": round(float(np.median(times)), 3),
        "seconds_95": round(float(np.percentile(times, 95)), 3),
        "health_after": health,
        "memory_mb": {"before": round(before), "during": levels, "after": round(memory(server.pid))},
        "files_left": sum(path.is_file() and path.name != "lock" for path in Path(folder).rglob("*")),
    }


if __name__ == "__main__":
    main()
