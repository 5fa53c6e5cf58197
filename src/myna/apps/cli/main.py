"""`myna`: the command line.

Exit codes: 0 done; 1 it could not be done, and the message says why; 2 the command is not
understood; 3 weights are missing; 4 a download failed; 74 reading or writing failed, such as a full
disk or a closed pipe (the latter without a message); 130 interrupted with Ctrl-C.

Audio and what was asked for go to the standard output, everything else to standard error. Of the
commands only the one that was named is imported, and what it needs when it runs, so that speech
begins soon.
"""

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

from myna import __version__
from myna.apps.cli.console import UsageError, shown
from myna.errors import DownloadError, ModelNotFoundError, MynaError

COMMANDS = (
    "say",
    "batch",
    "clone",
    "convert",
    "voices",
    "text",
    "prepare",
    "train",
    "evaluate",
    "serve",
    "export",
    "models",
    "doctor",
)
"""Each is a module beside this one, with `add_to`."""

DONE, FAILED, USAGE, NO_WEIGHTS, NO_DOWNLOAD, NO_IO, INTERRUPTED = 0, 1, 2, 3, 4, 74, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    named = [name for name in arguments[:1] if name in COMMANDS]
    given = parser_of(named or COMMANDS).parse_args(arguments)
    with _warnings_shown():
        try:
            code: int = given.run(given)
            print(end="", flush=True)  # a full disk shows here, not when Python ends
        except (MynaError, OSError, KeyboardInterrupt) as error:
            if given.debug:
                traceback.print_exc()
            return _failed(error)
    return code


def parser_of(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """What understands these commands."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show where an error comes from")
    parser = argparse.ArgumentParser(
        prog="myna",
        description="Clone a voice from seconds of speech and read any text with it.",
        epilog=(__doc__ or "").split("\n\n")[1].replace("\n", " "),
    )
    parser.add_argument("--version", action="version", version=f"myna {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in names:
        import_module(f"myna.apps.cli.{name}").add_to(commands, common)
    return parser


@contextmanager
def _warnings_shown() -> Iterator[None]:
    """What the library logs goes to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Format())
    library = logging.getLogger("myna")
    library.addHandler(handler)
    try:
        yield
    finally:
        library.removeHandler(handler)


class _Format(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"myna: {record.levelname.lower()}: {shown(record.getMessage())}"


def _failed(error: BaseException) -> int:
    """Tell what happened, in one line, and give the exit code."""
    if isinstance(error, BrokenPipeError):
        _let_go_of_output()
        return NO_IO
    if isinstance(error, KeyboardInterrupt):
        print("\nmyna: interrupted.", file=sys.stderr)
        return INTERRUPTED
    if isinstance(error, OSError):
        _let_go_of_output()
        where = f" {shown(str(error.filename))}" if error.filename is not None else ""
        print(f"myna: cannot read or write{where}: {error.strerror or error}.", file=sys.stderr)
        return NO_IO
    print(f"myna: {shown(str(error))}", file=sys.stderr)
    codes = {UsageError: USAGE, ModelNotFoundError: NO_WEIGHTS, DownloadError: NO_DOWNLOAD}
    return next((code for kind, code in codes.items() if isinstance(error, kind)), FAILED)


def _let_go_of_output() -> None:
    """Python flushes its output once more at its end; what cannot be written would fail again."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
