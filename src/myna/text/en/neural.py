"""Guess how a word is said from its letters, with the small network the published reader uses.

The network is g2p_en's: letters are encoded and phones decoded by one layer of gated recurrent
units each (Cho et al., arXiv:1406.1078). Its weights are the file `checkpoint20.npz` of the package
`g2p-en` (Apache-2.0), which is read and never imported: importing it downloads. Without the file
there is no guess.

G: 29 letters and marks, S: 74 phones and marks, H: width 256.
"""

from __future__ import annotations

import string
import zipfile
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from myna.errors import CheckpointError
from myna.files import data_folder
from myna.text.en.arpabet import CONSONANTS, STRESSES, VOWELS
from myna.text.symbols import UNKNOWN

Weights = NDArray[np.float32]

_FILE = "checkpoint20.npz"
_LETTERS = ("<pad>", "<unk>", "</s>", *string.ascii_lowercase)
_PHONES = (
    "<pad>",
    "<unk>",
    "<s>",
    "</s>",
    *sorted([*CONSONANTS, "UW", *(f"{vowel}{stress}" for vowel in VOWELS for stress in STRESSES)]),
)
_START = _PHONES.index("<s>")
_END = _PHONES.index("</s>")
_MOST_PHONES = 20
_WIDTH = 256
_SHAPES = {
    "enc_emb": (len(_LETTERS), _WIDTH),
    "dec_emb": (len(_PHONES), _WIDTH),
    "fc_w": (len(_PHONES), _WIDTH),
    "fc_b": (len(_PHONES),),
    **{
        f"{side}_{kind}_{to}": (3 * _WIDTH, _WIDTH)[: 2 if kind == "w" else 1]
        for side in ("enc", "dec")
        for kind in "wb"
        for to in ("ih", "hh")
    },
}


@lru_cache(maxsize=4096)
def predicted(word: str) -> tuple[str, ...] | None:
    """Phones of a word in lower case, at most 20; None if the weights are not installed.

    Letters other than a to z are one and the same to the network.

    Raises:
        CheckpointError: the file of weights is not what its name says.
    """
    network = _network()
    if network is None:
        return None
    letters = [_LETTERS.index(c) if c in _LETTERS else 1 for c in word]
    state = network.encoded([*letters, _LETTERS.index("</s>")])
    found = [_PHONES[phone] for phone in network.decoded(state)]
    return tuple(UNKNOWN if p == "<unk>" else p for p in found if p not in ("<pad>", "<s>"))


@dataclass(frozen=True, slots=True)
class _Unit:
    """A layer of gated recurrent units that has already seen what may come in.

    A gate's rows are: reset, update, new.
    """

    seen: Weights
    """(N, 3H) what each of the N symbols adds to the gates."""
    weights: Weights
    """(H, 3H)"""
    bias: Weights
    """(3H,)"""

    def step(self, symbol: int, state: Weights) -> Weights:
        """(H,) the next state."""
        heard = self.seen[symbol]
        kept = state @ self.weights + self.bias
        gates = 1 / (1 + np.exp(-(heard[: 2 * _WIDTH] + kept[: 2 * _WIDTH])))
        reset, update = gates[:_WIDTH], gates[_WIDTH:]
        new = np.tanh(heard[2 * _WIDTH :] + reset * kept[2 * _WIDTH :])
        following: Weights = (1 - update) * new + update * state
        return following


@dataclass(frozen=True, slots=True)
class _Network:
    encoder: _Unit
    decoder: _Unit
    weights: Weights
    """(S, H)"""
    bias: Weights
    """(S,)"""

    def encoded(self, letters: list[int]) -> Weights:
        state = np.zeros(_WIDTH, np.float32)
        for letter in letters:
            state = self.encoder.step(letter, state)
        return state

    def decoded(self, state: Weights) -> list[int]:
        """The likeliest phone, one after the other."""
        found: list[int] = []
        phone = _START
        while len(found) < _MOST_PHONES:
            state = self.decoder.step(phone, state)
            phone = int(np.argmax(self.weights @ state + self.bias))
            if phone == _END:
                break
            found.append(phone)
        return found


@cache
def _network() -> _Network | None:
    path = _weights_path()
    if path is None:
        return None
    values = _values(path)

    def unit(side: str) -> _Unit:
        seen = values[f"{side}_emb"] @ values[f"{side}_w_ih"].T + values[f"{side}_b_ih"]
        weights = np.ascontiguousarray(values[f"{side}_w_hh"].T)
        return _Unit(seen, weights, values[f"{side}_b_hh"])

    return _Network(unit("enc"), unit("dec"), values["fc_w"], values["fc_b"])


def _weights_path() -> Path | None:
    """The caller's own file goes before that of the package."""
    own = data_folder() / "text" / "g2p_en" / _FILE
    if own.is_file():
        return own
    package = find_spec("g2p_en")  # looks for a package of no parent, and imports nothing
    folders = [] if package is None else package.submodule_search_locations or []
    return next((path for folder in folders if (path := Path(folder) / _FILE).is_file()), None)


def _values(path: Path) -> dict[str, Weights]:
    try:
        with np.load(path, allow_pickle=False) as file:
            values = {name: file[name] for name in _SHAPES if name in file}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{path} cannot be read: {error}. Reinstall it: pip install --no-deps g2p-en==2.1.0"
        ) from error
    for name, shape in _SHAPES.items():
        found = values.get(name)
        if found is None or found.shape != shape or found.dtype != np.float32:
            what = "nothing" if found is None else f"{found.dtype} of shape {found.shape}"
            raise CheckpointError(
                f"{path} has {what} as {name!r}, not float32 of shape {shape}. "
                f"Take the file from the package: pip install --no-deps g2p-en==2.1.0"
            )
    return values
