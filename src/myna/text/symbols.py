"""The phones a model knows; the id of a phone is its place in the table.

Two tables serve the published families: `v1`, and `v2`, which is v1 with more phones at its end.
A phone two languages share has one id. Nothing may be added or moved: the rows of a trained phone
table stand in this order.

Source: the symbol lists of GPT-SoVITS (MIT), revision 48b1a01, rebuilt from their rules and
compared with the recorded lists in tests/parity.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from myna.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNKNOWN = "UNK"
"""Stands for a phone that is not in the table; the models were trained with it."""

MARKS = ("!", "?", "…", ",", ".", "-")
"""The punctuation marks that are phones."""

_LANGUAGES = {"v1": ("zh", "en", "ja"), "v2": ("zh", "en", "ja", "ko", "yue")}
TABLES = tuple(_LANGUAGES)


def ids(symbols: Iterable[str], table: str) -> NDArray[np.int64]:
    """(P,) ids of phones; a phone the table does not have becomes `UNK`.

    Raises:
        ConfigError: there is no table of that name.
    """
    import numpy as np

    index = index_of(table)
    unknown = index[UNKNOWN]
    return np.array([index.get(symbol, unknown) for symbol in symbols], dtype=np.int64)


@cache
def symbols(table: str) -> tuple[str, ...]:
    """All phones of a table, in order.

    Raises:
        ConfigError: there is no table of that name.
    """
    if table not in TABLES:
        raise ConfigError(f"There is no symbol table {table!r}; there are {', '.join(TABLES)}.")
    first = sorted({*_SPECIAL, *MARKS, *_mandarin(), *_JAPANESE.split(), *_english()})
    if table == "v1":
        return tuple(first)
    return (*first, "[", "]", *sorted(_KOREAN), *sorted(_cantonese()))


def languages(table: str) -> tuple[str, ...]:
    """The languages whose phones are in a table.

    Raises:
        ConfigError: there is no table of that name.
    """
    index_of(table)
    return _LANGUAGES[table]


@cache
def index_of(table: str) -> dict[str, int]:
    """Phone to id; shared, not to be changed."""
    return {symbol: index for index, symbol in enumerate(symbols(table))}


_SPECIAL = ("_", "SP", "SP2", "SP3", UNKNOWN)

_MANDARIN_INITIALS = "AA EE OO b c ch d f g h j k l m n p q r s sh t w x y z zh"
_MANDARIN_FINALS = (
    "E En a ai an ang ao e ei en eng er i i0 ia ian iang iao ie in ing iong ir iu "
    "o ong ou u ua uai uan uang ui un uo v van ve vn"
)
_JAPANESE = (
    "I N U a b by ch cl d dy e f g gy h hy i j k ky m my n ny o p py r ry s sh t ts u v w y z"
)
_ENGLISH_CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH"
_ENGLISH_VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"
_ENGLISH_UNSTRESSED = ("ER", "IH")
"""The two vowels that also stand without a stress digit."""
_KOREAN = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎㄲㄸㅃㅆㅉㅏㅓㅗㅜㅡㅣㅐㅔ空停"
_CANTONESE_INITIALS = "a aa ai ak au b c d e f g gw h j k kw l m n ng o oi ok on ou p s t uk w z"
_CANTONESE_FINALS = (
    "a aa aai aak aam aan aang aap aat aau ai ak am an ang ap at au e ei ek eng eoi eon eot g i "
    "ik im in ing ip it iu k m n o oe oek oeng oi ok on ong ot ou p t u ui uk un ung ut yu yun yut"
)


def _mandarin() -> set[str]:
    finals = {f"{final}{tone}" for final in _MANDARIN_FINALS.split() for tone in "12345"}
    return finals | set(_MANDARIN_INITIALS.split())


def _english() -> set[str]:
    vowels = {f"{vowel}{stress}" for vowel in _ENGLISH_VOWELS.split() for stress in "012"}
    return vowels | {*_ENGLISH_CONSONANTS.split(), *_ENGLISH_UNSTRESSED}


def _cantonese() -> set[str]:
    """Marked with `Y`, so that none is a phone of another language."""
    finals = {f"Y{final}{tone}" for final in _CANTONESE_FINALS.split() for tone in "123456"}
    return finals | {f"Y{initial}" for initial in _CANTONESE_INITIALS.split()}
