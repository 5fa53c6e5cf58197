"""Write docs/cli.md from what the command line itself knows.

    python docs/generate_cli.py

A test compares the page with what this makes, so it cannot go stale.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from myna.apps.cli.main import parser_of

PAGE = Path(__file__).with_name("cli.md")


def page() -> str:
    """The whole page, in Markdown."""
    parser = parser_of()
    lines = ["# The command line", "", "Made by `docs/generate_cli.py`; edit the program instead."]
    for title, command in _commands("myna", parser):
        lines += _section(title, command)
    return "\n".join([*lines, "", parser.epilog or "", ""])


def _commands(
    title: str, parser: argparse.ArgumentParser
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Those that do something, in the order of the help."""
    below = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    if not below:
        yield title, parser
    for action in below:
        words = {each.dest: each.help for each in action._choices_actions}
        for name, command in action.choices.items():
            command.description = command.description or f"{words[name]}.".capitalize()
            yield from _commands(f"{title} {name}", command)


def _section(title: str, parser: argparse.ArgumentParser) -> list[str]:
    lines = ["", f"## `{title}`", "", parser.description or ""]
    for group in parser._action_groups:
        actions = [
            each for each in group._group_actions if not isinstance(each, argparse._HelpAction)
        ]
        if actions:
            title = (group.title or "").removeprefix("positional ").capitalize()
            lines += ["", f"{title}:", ""]
            lines += [f"- `{_invocation(each)}`{_help(each)}" for each in actions]
    return lines


def _invocation(action: argparse.Action) -> str:
    value = action.metavar or ("|".join(action.choices) if action.choices else action.dest.upper())
    if not action.option_strings:
        return f"{value} ..." if action.nargs in ("+", "*") else str(value)
    names = ", ".join(action.option_strings)
    return names if action.nargs == 0 else f"{names} {value}"


def _help(action: argparse.Action) -> str:
    words = (action.help or "").replace("%%", "%").rstrip(".")
    if not words and action.choices:
        words = f"default {action.default}"
    if action.required and action.option_strings:
        words += " (needed)"
    return f": {words}." if words else ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
