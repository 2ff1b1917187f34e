"""The command `tinct`, and `python -m tinct`: it hears signals before it imports anything that takes long."""

import os

from tinct.stopping import said_if_stopped, stop_on_signals


def main() -> None:
    """Run the command line, as `tinct.cli.main`; told to stop while that is imported, say so."""
    stop_on_signals()
    # NumPy's matrices here are small, and several threads work already: beside these OpenBLAS's own, which wait in
    # loops, cost up to twenty times the work. It reads this as it is imported; worker processes inherit it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with said_if_stopped():
        from tinct.cli import main as run

        run()


if __name__ == "__main__":
    main()
