"""`edgekit` and `python -m edgekit`: the command; an interrupt that comes early is answered as any other."""

import sys


def main() -> int:
    """Run the command line of this process and return its exit code."""
    try:
        from edgekit.cli.main import main as run
    except KeyboardInterrupt:
        sys.stderr.write("edgekit: interrupted\n")
        return 130
    return run()


if __name__ == "__main__":
    sys.exit(main())
