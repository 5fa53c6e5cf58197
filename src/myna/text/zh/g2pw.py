"""Read polyphones with a g2pW model, which chooses by what is around them.

The model itself is run by the caller; here are its inputs and what its answers mean. Its files are
those of G2PWModel 1.1, which GPT-SoVITS uses, and the vocabulary of chinese-roberta-wwm-ext-large.

Source: g2pW (GitYCC/g2pW, Apache-2.0, arXiv:2203.10430) for names and shapes of inputs; which
characters are asked about, and with how much context, as GPT-SoVITS (MIT) revision 48b1a01.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna.errors import CheckpointError
from myna.text import tables
from myna.text.symbols import MARKS
from myna.text.zh.readings import in_dictionary, pinyin

INPUTS = (
    "input_ids",
    "token_type_ids",
    "attention_mask",
    "phoneme_mask",
    "char_ids",
    "position_ids",
)
"""What the model is given, by name."""

Run = Callable[[dict[str, NDArray[Any]]], NDArray[Any]]
"""Runs the model: (Q, ...) inputs for Q questions to (Q, R) weights of all readings."""

_ELSEWHERE = frozenset("一不和咋嗲剖差攢倒難奔勁拗肖瘙誒泊听噢")
"""Polyphones that the model is not asked about."""
_NOT_FIXED = frozenset("似攢")
"""Characters in the list of those with one reading that have more."""
_CONTEXT = 16
"""Characters the model sees before the first and after the last one it is asked about."""
_MOST = 510
"""Characters the model can see at once."""
_MAX_BYTES = 64 << 20
"""Of one table; the largest, a vocabulary with its merges, has less than one."""


class G2pw:
    """Reads clauses with a g2pW model, and what the model does not know with pypinyin."""

    def __init__(
        self,
        folder: str | Path,
        run: Run,
        traditional: Callable[[str], str],
        *,
        vocabulary: str | Path | None = None,
    ) -> None:
        """Read the tables of a model.

        Args:
            folder: has POLYPHONIC_CHARS.txt, MONOPHONIC_CHARS.txt and
                bopomofo_to_pinyin_wo_tune_dict.json.
            run: runs the model on the six `INPUTS`.
            traditional: simplified characters to those of Taiwan, which the model was trained on;
                as OpenCC's `s2tw`.
            vocabulary: vocab.txt or tokenizer.json of the model's BERT; looked for in `folder` if
                None.

        Raises:
            CheckpointError: a file is missing or damaged.
        """
        folder = Path(folder)
        self._run = run
        self._traditional = traditional
        self._pinyin: dict[str, str] = {
            str(key): str(value)
            for key, value in _json(folder / "bopomofo_to_pinyin_wo_tune_dict.json").items()
        }
        rows = _rows(folder / "POLYPHONIC_CHARS.txt")
        self._labels = sorted({reading for _, reading in rows})
        number = {reading: i for i, reading in enumerate(self._labels)}
        self._chars = {char: i for i, char in enumerate(sorted({char for char, _ in rows}))}
        self._masks = {char: np.zeros(len(self._labels), dtype=np.float32) for char in self._chars}
        for char, reading in rows:
            self._masks[char][number[reading]] = 1
        self._asked = self._chars.keys() - _ELSEWHERE
        self._fixed = {
            char: reading
            for char, reading in _rows(folder / "MONOPHONIC_CHARS.txt")
            if char not in _NOT_FIXED
        }
        self._vocabulary = _vocabulary(folder, vocabulary)

    def readings(self, clause: str) -> list[str]:
        """Pinyin with tone of each character; a mark is itself."""
        end = len(clause.rstrip("".join(MARKS)))
        return [*self._of_run(clause[:end]), *clause[end:]]

    def _of_run(self, run: str) -> list[str]:
        known = in_dictionary(run)
        if known is not None and len(known) == len(run):
            return list(known)
        text = self._traditional(run)
        if len(text) != len(run):
            return [""] * len(run)
        found = pinyin(text.translate(_simplified()))
        asked = []
        for i, char in enumerate(text):
            if char in self._asked:
                asked.append(i)
            elif char in self._fixed:
                found[i] = self._written(self._fixed[char])
        for i, reading in zip(asked, self._answers(text, asked), strict=True):
            found[i] = self._written(reading)
        return found

    def _answers(self, text: str, asked: list[int]) -> list[str]:
        """The reading, in bopomofo, of each character of `text` that the model is asked about."""
        answers: list[str] = []
        while len(answers) < len(asked):
            first = asked[len(answers)]
            group = [i for i in asked[len(answers) :] if i - first < _MOST - 2 * _CONTEXT]
            start = max(0, first - _CONTEXT)
            answers += self._ask(text[start : group[-1] + _CONTEXT + 1], [i - start for i in group])
        return answers

    def _ask(self, text: str, asked: list[int]) -> list[str]:
        unknown = self._vocabulary["[UNK]"]
        ids = [self._vocabulary.get(char.lower(), unknown) for char in text]
        ids = [self._vocabulary["[CLS]"], *ids, self._vocabulary["[SEP]"]]
        tokens = np.tile(np.array(ids, dtype=np.int64), (len(asked), 1))
        mask = np.stack([self._masks[text[i]] for i in asked])
        weights = self._run(
            {
                "input_ids": tokens,
                "token_type_ids": np.zeros_like(tokens),
                "attention_mask": np.ones_like(tokens),
                "phoneme_mask": mask,
                "char_ids": np.array([self._chars[text[i]] for i in asked], dtype=np.int64),
                "position_ids": np.array(asked, dtype=np.int64) + 1,  # after [CLS]
            }
        )
        if weights.shape != mask.shape:
            raise CheckpointError(
                f"The g2pW model answers in the shape {weights.shape}; its tables want "
                f"{mask.shape}. Model and tables are not of the same release."
            )
        best = np.where(mask > 0, weights, -np.inf).argmax(axis=1)
        return [self._labels[i] for i in best.tolist()]

    def _written(self, bopomofo: str) -> str:
        """Pinyin; empty if the table lacks it."""
        bare = self._pinyin.get(bopomofo[:-1], "")
        return bare and bare + bopomofo[-1]


def _rows(path: Path) -> list[tuple[str, str]]:
    """Characters and their readings: bopomofo, and a digit for the tone."""
    rows = [tuple(line.split()) for line in _text(path).splitlines() if line.strip()]
    if not rows or any(len(row) != 2 or row[1][-1] not in "12345" for row in rows):
        raise CheckpointError(f"{path} is not the table of g2pW that it should be.")
    return [(char, reading) for char, reading in rows]


def _vocabulary(folder: Path, path: str | Path | None) -> dict[str, int]:
    places = [Path(path)] if path else [folder / "vocab.txt", folder / "tokenizer.json"]
    place = next((place for place in places if place.is_file()), None)
    if place is None:
        raise CheckpointError(
            f"There is no {' and no '.join(map(str, places))}. g2pW needs the vocabulary of its "
            f"BERT: tokenizer.json or vocab.txt of chinese-roberta-wwm-ext-large."
        )
    if place.suffix == ".json":
        model = _json(place).get("model")
        vocabulary = model.get("vocab") if isinstance(model, dict) else None
        if not isinstance(vocabulary, dict):
            raise CheckpointError(f"{place} is no tokenizer of a BERT: it has no vocabulary.")
    else:
        vocabulary = {token: i for i, token in enumerate(_text(place).splitlines())}
    if missing := {"[UNK]", "[CLS]", "[SEP]"} - vocabulary.keys():
        raise CheckpointError(f"{place} is no vocabulary of a BERT: it lacks {min(missing)}.")
    return vocabulary


def _json(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise CheckpointError(f"{path} is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} is not the table it should be: it holds no object.")
    return found


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise CheckpointError(f"{path} is too large for a table of g2pW.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} of the g2pW model cannot be read: {error}.") from error


@cache
def _simplified() -> dict[int, str]:
    pairs = " ".join(tables.lines("zh", "simplified.txt")).split()
    return {ord(pair[0]): pair[1] for pair in pairs}
