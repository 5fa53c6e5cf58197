"""What the READMEs and the command line's page show is what there is."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path

import checkout
import pytest

import toy
from myna import text
from myna.apps.cli.main import parser_of
from myna.specs import FAMILIES
from myna.text.symbols import index_of

READMES = ("README.md", "README.zh.md")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+?)(?:#[^)]*)?\)")
ROW = re.compile(r"^\| (v\w+|tiny) \| (\d+) kHz \| (\d+) \| (\S+) \| ([a-z, ]+) \|$", re.MULTILINE)


@pytest.mark.parametrize("readme", READMES)
def test_its_commands_are_understood(readme: str) -> None:
    commands = [words for line in _lines(readme) for words in _commands(line)]
    ours = [words[1:] for words in commands if Path(words[0]).name == "myna"]
    assert len(ours) > 5
    for words in ours:
        parsed = parser_of().parse_args(words)  # leaves the test if it does not understand
        assert isinstance(parsed, argparse.Namespace)


def test_both_set_up_in_the_same_way() -> None:
    english, chinese = ([line for line in _lines(readme) if "venv" in line] for readme in READMES)
    assert english == chinese


def test_the_test_command_uses_the_lock() -> None:
    (command,) = (line for line in _lines("README.md") if "-m pytest" in line)
    assert "-r requirements/dev.lock" in command
    locked = (checkout.ROOT / "requirements" / "dev.lock").read_text(encoding="utf-8")
    for line in locked.splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w.-]+==[\w.]+", line), line


@pytest.mark.parametrize("readme", READMES)
def test_its_python_runs(
    readme: str, toy_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a model of toy size under the name of the real one."""
    toy.voice_model(toy_home / "models" / "v2ProPlus", "toyPro", seed=1)
    monkeypatch.chdir(tmp_path)
    toy.clip().save("anna.wav")
    (program,) = (code for language, code in _blocks(readme) if language == "python")
    Path("example.py").write_text(program, encoding="utf-8")
    runpy.run_path("example.py")
    for name in ("anna.voice", "hello.wav", "slow.flac"):
        assert Path(name).stat().st_size > 0


@pytest.mark.parametrize("readme", READMES)
def test_its_table_of_families_is_true(readme: str) -> None:
    rows = {row[0]: row[1:] for row in ROW.findall(_text(readme))}
    assert list(rows) == list(FAMILIES)
    for name, (rate, symbols, speaker, languages) in rows.items():
        family = FAMILIES[name]
        assert int(rate) * 1000 == family.rate
        assert int(symbols) == len(index_of(family.symbols))
        has = family.speaker_encoder is not None
        assert speaker in (("yes", "有") if has else ("no", "无"))
        spoken = [language for language in family.languages if language in text.LANGUAGES]
        assert languages.split(", ") == spoken


def test_links_lead_somewhere() -> None:
    pages = [*checkout.ROOT.glob("*.md"), *(checkout.ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(checkout.ROOT)}: {target}"
        for page in pages
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken, "\n".join(broken)


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    generator = runpy.run_path(str(checkout.ROOT / "docs" / "generate_cli.py"))
    written = generator["PAGE"].read_text(encoding="utf-8")
    assert written == generator["page"](), "run: python docs/generate_cli.py"


def _text(readme: str) -> str:
    return (checkout.ROOT / readme).read_text(encoding="utf-8")


def _blocks(readme: str) -> list[tuple[str, str]]:
    return BLOCK.findall(_text(readme))


def _lines(readme: str) -> list[str]:
    blocks = [code for language, code in _blocks(readme) if language == "bash"]
    return [line for block in blocks for line in block.splitlines() if line]


def _commands(line: str) -> Iterator[list[str]]:
    """The simple commands of one line of shell, split at `&&` and `|`."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|")
    lexer.whitespace_split = True
    words: list[str] = []
    for token in [*lexer, "&&"]:
        if token in ("&&", "|"):
            if words:
                yield words
            words = []
        else:
            words.append(token)
