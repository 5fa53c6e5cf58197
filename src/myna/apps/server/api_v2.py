"""Start the server as GPT-SoVITS's `api_v2.py` is started, for programs that do so themselves.

    python -m myna.apps.server.api_v2 -a 127.0.0.1 -p 9880 -c GPT_SoVITS/configs/tts_infer.yaml

The same as `myna serve --host 127.0.0.1 --port 9880`. Models are not named by path here, so of the
configuration nothing is heeded, and a warning says what that is.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from myna.apps.cli import main as cli

_BOTH = "::"
"""Listens on all addresses, of both kinds."""
_BLOCK = re.compile(r"^custom:[ \t]*(?:#.*)?\n((?:[ \t]+.*\n|[ \t]*(?:#.*)?\n)*)", re.MULTILINE)
_ENTRY = re.compile(r"^[ \t]+(\w+):[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_MOST = 1 << 20
"""Characters of a configuration that are looked at."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve, and return the exit code of `myna`."""
    given = _parser().parse_args(arguments)
    if given.config is not None:
        print(f"api_v2: {_unheeded(Path(given.config))}", file=sys.stderr)
    return cli.main(serve_arguments(given.address, given.port))


def serve_arguments(address: str, port: int) -> list[str]:
    """The same for `myna`.

    Args:
        address: as `-a` says it; "None" is every address of this machine, IPv4 and IPv6.
    """
    host = _BOTH if address == "None" else address
    return ["serve", "--host", host, "--port", str(port)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="api_v2",
        description="Start `myna serve` with the options of GPT-SoVITS's api_v2.py.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "-a", "--bind_addr", dest="address", default="127.0.0.1", help="None for all addresses"
    )
    parser.add_argument("-p", "--port", type=int, default=9880)
    parser.add_argument("-c", "--tts_config", dest="config", help="is not read, see docs/deploy.md")
    return parser


def _unheeded(path: Path) -> str:
    """What the configuration asks for that nobody does."""
    do = (
        "Models are installed once, with `myna models convert`, and then asked for by name or set "
        "with /set_gpt_weights."
    )
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            text = file.read(_MOST)
    except OSError as error:
        return f"the configuration {path} cannot be read ({error.strerror}); it is not needed. {do}"
    block = _BLOCK.search(f"{text}\n")
    entries = _ENTRY.findall(block[1]) if block else []
    if not entries:
        return f"the configuration {path} is not heeded. {do}"
    listed = ", ".join(f"{name} {value}" for name, value in entries)
    return f"of the configuration {path} nothing is heeded: {listed}. {do}"


if __name__ == "__main__":
    sys.exit(main())
