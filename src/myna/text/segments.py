"""Cut text where the language changes, by script alone.

`auto` takes ideographs without kana for Mandarin and Latin letters for English. Digits take the
language of a neighbour; marks and spaces stay with what is before them.

Source: the modes and the rules for digits are those of GPT-SoVITS (MIT), revision 48b1a01, with its
statistical classifier replaced by the script; compared with recorded segments in tests/parity.
"""

from __future__ import annotations

import re
import string
import unicodedata
from typing import NamedTuple

from myna.errors import ConfigError, TextError

MODES = ("auto", "zh", "en", "all_zh")
"""`en` reads all as English. `zh` and `all_zh` read Latin letters as English, and the rest as
Mandarin; they differ in digits, which `zh` gives to a neighbour and `all_zh` to Mandarin."""

_NOT_YET = {"ja": "Japanese", "ko": "Korean", "yue": "Cantonese"}


class Segment(NamedTuple):
    """A stretch of text in one language."""

    language: str
    text: str


def segments(text: str, mode: str) -> list[Segment]:
    """`text` as stretches of one language each, in order; spaces at its ends are lost.

    Args:
        text: one sentence.
        mode: one of `MODES`.

    Raises:
        ConfigError: there is no such mode.
        TextError: the text, or the mode, is in a language that is not supported yet.
    """
    _check_mode(mode)
    if mode == "en":
        return [Segment("en", text)]
    runs = _runs(text.strip())
    if mode == "all_zh":
        return _merged([Segment("en" if _is_english(run.text) else "zh", run.text) for run in runs])
    if mode == "auto":
        _check_scripts(runs)
    return _with_digits(_merged([_by_script(run) for run in runs]))


def _check_mode(mode: str) -> None:
    language = mode.removeprefix("all_").removeprefix("auto_")
    if mode not in MODES and language in _NOT_YET:
        raise TextError(
            f"{_NOT_YET[language]} text is not supported yet; languages are {', '.join(MODES)}."
        )
    if mode not in MODES:
        raise ConfigError(f"There is no language {mode!r}; there are {', '.join(MODES)}.")


def _check_scripts(runs: list[Segment]) -> None:
    for script, language in (("kana", "ja"), ("hangul", "ko")):
        for run in runs:
            if run.language == script:
                raise TextError(
                    f"{_NOT_YET[language]} text is not supported yet, as in {run.text.strip()!a}. "
                    f"Leave it out, or read it as Mandarin and English with language='zh'."
                )


_DIGITS = "digits"


def _runs(text: str) -> list[Segment]:
    """Runs of one script: han, kana, hangul, digits or other; other is cut at spaces."""
    runs: list[Segment] = []
    before = ""
    for char in text:
        if char.isspace() or _is_mark(char):
            if runs:
                runs[-1] = Segment(runs[-1].language, runs[-1].text + char)
            else:
                before += char
            continue
        script = _script(char)
        same = runs and runs[-1].language == script
        if same and not (script == "other" and runs[-1].text[-1].isspace()):
            runs[-1] = Segment(script, runs[-1].text + char)
        else:
            runs.append(Segment(script, before + char))
            before = ""
    return runs or [Segment(_DIGITS, before)] if text else []


def _script(char: str) -> str:
    if char.isdigit():
        return _DIGITS
    if "\u3040" <= char <= "\u30ff" or "\uff66" <= char <= "\uff9f":
        return "kana"
    if "\uac00" <= char <= "\ud7af":
        return "hangul"
    if char in "々〇" or unicodedata.name(char, "").startswith("CJK "):
        return "han"
    return "other"


def _is_mark(char: str) -> bool:
    return char in string.punctuation or char in "～￥" or unicodedata.category(char)[0] == "P"


_ENGLISH = re.compile(r"[\sA-Za-z0-9!-~\u2000-\u206f\u3000-\u303f\uff00-\uffef]*")


def _is_english(text: str) -> bool:
    return bool(re.search("[A-Za-z]", text) and _ENGLISH.fullmatch(text))


def _by_script(run: Segment) -> Segment:
    if run.language == _DIGITS:
        return run
    return Segment("en" if run.language == "other" else "zh", run.text)


def _merged(parts: list[Segment]) -> list[Segment]:
    """Neighbours of one language become one."""
    merged: list[Segment] = []
    for part in parts:
        if merged and merged[-1].language == part.language:
            merged[-1] = Segment(part.language, merged[-1].text + part.text)
        else:
            merged.append(part)
    return merged


_SENTENCE_END = tuple("。！？.!?…")


def _with_digits(parts: list[Segment]) -> list[Segment]:
    """Digits take the language of what is before or after them."""
    settled: list[Segment] = []
    for i, part in enumerate(parts):
        if part.language == _DIGITS:
            after = parts[i + 1] if i + 1 < len(parts) else None
            language = _language_of_digits(part.text, settled[-1] if settled else None, after)
            part = Segment(language, part.text)
        settled = _merged([*settled, part])
    return settled


def _language_of_digits(text: str, before: Segment | None, after: Segment | None) -> str:
    if before is None or after is None:
        neighbour = before or after
        return neighbour.language if neighbour else "zh"
    if before.text.endswith(_SENTENCE_END):
        return after.language
    if after.text.startswith(_SENTENCE_END) or text.endswith((".", "。")):
        return before.language
    return after.language if len(after.text) > len(before.text) else before.language
