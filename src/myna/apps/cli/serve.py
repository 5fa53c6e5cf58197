"""`myna serve`: speak for other programs, over HTTP and more."""

from __future__ import annotations

import argparse

from myna.apps.cli.options import add_settings, settings


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    from myna.apps.server.settings import ServerSettings

    parser = commands.add_parser(
        "serve",
        parents=[common],
        help="speak for other programs",
        description="Speak for other programs: clients of GPT-SoVITS (api_v2, api), of OpenAI's "
        "speech API, of Home Assistant (Wyoming), and our own routes, all on one port.",
    )
    add_settings(parser, ServerSettings)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Serve until interrupted.

    Raises:
        ConfigError: a setting is outside its range, or does not fit this machine, or a port is
            taken.
        ModelNotFoundError: the model is not on this machine.
        MissingExtraError: the packages of the server are not installed.
        MynaError: the model cannot be loaded, or the library of voices opened.
        OSError: files of the server cannot be read or written.
    """
    from myna.apps.server.settings import ServerSettings
    from myna.extras import require

    chosen = settings(given, ServerSettings)
    require("fastapi", extra="server", feature="The server")
    require("python_multipart", extra="server", feature="The server")
    require("websockets", extra="server", feature="The server")
    from myna.apps.server.serving import serve

    serve(chosen)
    return 0
