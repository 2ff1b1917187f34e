"""The command `tinct`, and `python -m tinct`: it hears signals before it imports anything that takes long."""

from tinct.stopping import said_if_stopped, stop_on_signals


def main() -> None:
    """Run the command line, as `tinct.cli.main`; told to stop while that is imported, say so."""
    stop_on_signals()
    with said_if_stopped():
        from tinct.cli import main as run

        run()


if __name__ == "__main__":
    main()
