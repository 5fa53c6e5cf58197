"""`python -m myna.export FAMILY`: make the graphs of a family; see `myna.export`."""

import argparse
import sys
from pathlib import Path

from myna.errors import MynaError
from myna.export import export_family


def main() -> int:
    """Export, and say where to: 0 if it went well, else 1."""
    parser = argparse.ArgumentParser(prog="python -m myna.export", description=__doc__)
    parser.add_argument("family", help="as `tiny` or `v2ProPlus`")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="where to put them")
    given = parser.parse_args()

    def progress(name: str) -> None:
        sys.stderr.write(f"{name} ...\n")

    try:
        folder = export_family(given.family, given.output, progress=progress)
    except (MynaError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
