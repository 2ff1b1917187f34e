"""Look for bytes that break a reader, with Atheris (libFuzzer): python tests/fuzz/run.py TARGET [SECONDS] [-options]

What breaks one is left as crash-*, timeout-* or oom-* in the folder it is called in; put it into corpus/TARGET/ once it
is mended. Options of libFuzzer follow, such as -runs=100000. `make fuzz` goes through all targets.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
# One input may take this long, and the process this much memory, in seconds and MB.
LIMITS = ("-timeout=20", "-rss_limit_mb=2500", "-max_len=20000", "-detect_leaks=0")


def main() -> None:
    """Fuzz one target in this process, or each in one of its own."""
    name, seconds, *options = [*sys.argv[1:], "60"] if len(sys.argv) == 2 else sys.argv[1:]
    if name != "all":
        fuzz(name, [f"-max_total_time={seconds}", *LIMITS, *options])
        return
    from targets import TARGETS

    rows = []
    for target in TARGETS:
        command = [sys.executable, __file__, target, seconds, "-print_final_stats=1", *options]
        started = time.monotonic()
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
        count = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
        left = re.search(r"Test unit written to (\S+)", done.stderr)
        row = {"target": target, "executions": int(count[1]) if count else 0, "left": left[1] if left else None}
        if done.returncode:
            print("\n".join(done.stderr.splitlines()[-25:]), file=sys.stderr)
        rows.append(row | {"seconds": round(time.monotonic() - started), "status": done.returncode})
        print(json.dumps(rows[-1]), flush=True)
    print(json.dumps({"executions": sum(row["executions"] for row in rows)}))
    sys.exit(any(row["status"] for row in rows))


def fuzz(name: str, options: list[str]) -> None:
    """Fuzz one target, beginning with what lies in its corpus."""
    import atheris

    sys.path[:0] = [str(HERE.parent)]
    with atheris.instrument_imports(include=["tinct"]):
        from fuzz import targets

        targets.call(name, b"")  # imports what it needs
    grown = targets.place() / "corpus"
    grown.mkdir()
    atheris.Setup([name, *options, str(grown), str(CORPUS / name)], lambda data: targets.call(name, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
