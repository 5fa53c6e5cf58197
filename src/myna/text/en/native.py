"""How a native says a word: from what is known of it or of its parts, and at last a guess."""

from __future__ import annotations

import re
from functools import lru_cache

from myna.text.en import dictionary, lexicon, splitting
from myna.text.en.arpabet import VOWELS
from myna.text.en.lookup import Reading, guess, letters, with_s

_CONTRACTION = re.compile("([a-z']+)('(?:s|ve|d|ll|re|m)|n't)")
_NO_VOWEL = re.compile("[^aeiouy]+")
_SHORT_SOUNDED = re.compile(
    "[^aeiouy]{0,2}[aeiouy]{1,2}|[^aeiouy][aeiou][^aeiouyhjqvw]|[aeiou][^aeiouy][aeiouy]|"
    "[aeiou](?:ck|sh|th|ch|ng|nd|nt|nk|mp|rd|rk|rm|rn|rt|rb|rp|st|sk|sp|ll|ss|ff|gg|pt|ct|ft|ld|"
    "lf|lk|lm|lt|zz)"
)
_LONGEST_CONTRACTED = 30
_SHORTEST_PART = 3

_Phones = tuple[str, ...]


@lru_cache(maxsize=4096)
def read(written: str) -> Reading:
    """The reading of a word as it is written, with apostrophes or hyphens inside it."""
    word = written.lower()
    known = _known(word, written)
    if known is not None:
        return Reading(known)
    contraction = _CONTRACTION.fullmatch(word)
    if contraction is not None and len(word) <= _LONGEST_CONTRACTED:
        stem = read(written[: len(contraction[1])])
        return Reading(_contracted(stem.phones, contraction[2]), stem.guessed)
    parts = [part for part in re.split("[^a-z]+", word, flags=re.IGNORECASE) if part]
    if len(word) == 1:
        return Reading(letters(word))
    if len(parts) == 2 and parts[0] in _BEGINNINGS and word.count("-") == 1:
        stem = read(parts[1])
        return Reading((*_BEGINNINGS[parts[0]], *stem.phones), stem.guessed)
    if len(parts) > 1 or (parts and parts[0] != word):
        return _joined([read(part) for part in parts])
    if _NO_VOWEL.fullmatch(word) or (len(word) <= 3 and not _SHORT_SOUNDED.fullmatch(word)):
        return Reading(letters(word))
    derived = _derived(word)
    if derived is not None:
        return Reading(derived)
    split = splitting.split(word) if not written.istitle() else None
    if split and len(split) > 1 and all(len(part) >= _SHORTEST_PART for part in split):
        found = [_known(part) or _derived(part) for part in split]
        if all(found):
            return Reading(_compound([phones for phones in found if phones]))
    return Reading(guess(word), guessed=True)


def _joined(readings: list[Reading]) -> Reading:
    phones = (phone for reading in readings for phone in reading.phones)
    return Reading(tuple(phones), any(reading.guessed for reading in readings))


def _known(word: str, written: str = "") -> _Phones | None:
    """Phones of a word that stands in some list; a name is written in title case."""
    if len(word) < 2:
        return None
    found = lexicon.pronunciation(word)
    if found is None:
        listed = dictionary.pronunciation(word)
        if listed is None and written.istitle():
            listed = dictionary.name(word)
        found = tuple(listed) if listed else None
    return found


def _contracted(stem: _Phones, ending: str) -> _Phones:
    after_vowel = bool(stem) and stem[-1][:2] in VOWELS
    match ending:
        case "'s":
            return with_s(stem)
        case "'d":
            return (*stem, *(("AH0", "D") if stem[-1:] in (("T",), ("D",)) else ("D",)))
        case "n't":
            return (*stem, "AH0", "N", "T")
        case "'re":
            return (*stem, "ER0")
        case _:
            sound = {"'ve": "V", "'ll": "L", "'m": "M"}[ending]
            return (*stem, sound) if after_vowel else (*stem, "AH0", sound)


# Words made of others

_ENDINGS: tuple[tuple[str, _Phones], ...] = (
    ("fulness", ("F", "AH0", "L", "N", "AH0", "S")),
    ("lessness", ("L", "AH0", "S", "N", "AH0", "S")),
    ("ability", ("AH0", "B", "IH1", "L", "AH0", "T", "IY0")),
    ("ness", ("N", "AH0", "S")),
    ("less", ("L", "AH0", "S")),
    ("ment", ("M", "AH0", "N", "T")),
    ("ship", ("SH", "IH2", "P")),
    ("hood", ("HH", "UH2", "D")),
    ("like", ("L", "AY2", "K")),
    ("wise", ("W", "AY2", "Z")),
    ("able", ("AH0", "B", "AH0", "L")),
    ("ism", ("IH2", "Z", "AH0", "M")),
    ("ist", ("IH0", "S", "T")),
    ("ize", ("AY2", "Z")),
    ("ful", ("F", "AH0", "L")),
    ("ish", ("IH0", "SH")),
    ("ing", ("IH0", "NG")),
    ("est", ("AH0", "S", "T")),
    ("ers", ("ER0", "Z")),
    ("er", ("ER0",)),
    ("ly", ("L", "IY0")),
)
_BEGINNINGS: dict[str, _Phones] = {
    "anti": ("AE2", "N", "T", "IY0"),
    "auto": ("AO2", "T", "OW0"),
    "bio": ("B", "AY2", "OW0"),
    "co": ("K", "OW2"),
    "counter": ("K", "AW2", "N", "T", "ER0"),
    "crypto": ("K", "R", "IH2", "P", "T", "OW0"),
    "cyber": ("S", "AY2", "B", "ER0"),
    "de": ("D", "IY0"),
    "dis": ("D", "IH0", "S"),
    "eco": ("IY2", "K", "OW0"),
    "geo": ("JH", "IY2", "OW0"),
    "hyper": ("HH", "AY2", "P", "ER0"),
    "inter": ("IH2", "N", "T", "ER0"),
    "mega": ("M", "EH2", "G", "AH0"),
    "micro": ("M", "AY2", "K", "R", "OW0"),
    "mis": ("M", "IH0", "S"),
    "multi": ("M", "AH2", "L", "T", "IY0"),
    "nano": ("N", "AE2", "N", "OW0"),
    "neuro": ("N", "UH2", "R", "OW0"),
    "non": ("N", "AA2", "N"),
    "out": ("AW2", "T"),
    "over": ("OW2", "V", "ER0"),
    "photo": ("F", "OW2", "T", "OW0"),
    "post": ("P", "OW2", "S", "T"),
    "pre": ("P", "R", "IY0"),
    "proto": ("P", "R", "OW2", "T", "OW0"),
    "pseudo": ("S", "UW2", "D", "OW0"),
    "re": ("R", "IY0"),
    "semi": ("S", "EH2", "M", "IY0"),
    "sub": ("S", "AH2", "B"),
    "super": ("S", "UW2", "P", "ER0"),
    "tele": ("T", "EH2", "L", "AH0"),
    "trans": ("T", "R", "AE0", "N", "Z"),
    "ultra": ("AH2", "L", "T", "R", "AH0"),
    "un": ("AH0", "N"),
    "under": ("AH2", "N", "D", "ER0"),
    "up": ("AH2", "P"),
}
_SHORTEST_STEM = 3
_UNSTRESSED = str.maketrans("1", "2")


def _derived(word: str, depth: int = 2) -> _Phones | None:
    """Phones of a known word with an ending or a beginning that changes neither."""
    return _inflected(word, depth) or _with_ending(word, depth) or _with_beginning(word, depth)


def _stem(word: str, depth: int) -> _Phones | None:
    if len(word) < _SHORTEST_STEM:
        return None
    return _known(word) or (_derived(word, depth - 1) if depth > 1 else None)


def _inflected(word: str, depth: int) -> _Phones | None:
    if word.endswith("s") and not word.endswith("ss"):
        stem = _stem(word[:-1], depth)
        if stem is None and word.endswith("ies"):
            stem = _stem(f"{word[:-3]}y", depth)
        elif stem is None and word.endswith("es"):
            stem = _stem(word[:-2], depth)
        if stem is not None:
            return with_s(stem)
    if word.endswith("ed"):
        stem = _verb_stem(word[:-2], depth)
        if stem is None and word.endswith("ied"):
            stem = _stem(f"{word[:-3]}y", depth)
        if stem is not None:
            return _past(stem)
    return None


def _past(stem: _Phones) -> _Phones:
    match stem[-1]:
        case "T" | "D":
            return (*stem, "AH0", "D")
        case "P" | "K" | "F" | "TH" | "S" | "SH" | "CH" | "HH":
            return (*stem, "T")
        case _:
            return (*stem, "D")


def _verb_stem(stem: str, depth: int) -> _Phones | None:
    """Of `mak`, `stopp` or `walk`."""
    doubled = len(stem) > 3 and stem[-1] == stem[-2]
    found = _stem(stem[:-1], depth) if doubled and stem[-1] not in "sl" else None
    return (
        found
        or _stem(f"{stem}e", depth)
        or _stem(stem, depth)
        or (_stem(stem[:-1], depth) if doubled else None)
    )


def _with_ending(word: str, depth: int) -> _Phones | None:
    for ending, phones in _ENDINGS:
        if not word.endswith(ending):
            continue
        stem = word.removesuffix(ending)
        found = _verb_stem(stem, depth) if ending[0] in "aei" else _stem(stem, depth)
        if found is None and stem.endswith("i"):
            found = _stem(f"{stem[:-1]}y", depth)
        if found is None and ending == "ly" and stem.endswith("b"):
            found = _stem(f"{stem}le", depth)
            phones = ("IY0",) if found else phones
        if found is not None:
            return (*found, *phones)
    return None


def _with_beginning(word: str, depth: int) -> _Phones | None:
    for length in range(min(7, len(word) - _SHORTEST_STEM - 1), 1, -1):
        phones = _BEGINNINGS.get(word[:length])
        if phones is None:
            continue
        stem = word[length:]
        found = _stem(stem, depth) if len(stem) > _SHORTEST_STEM else None
        if found is not None:
            return (*phones, *found)
    return None


def _compound(parts: list[_Phones]) -> _Phones:
    """Words as one: the first has the main stress."""
    first, *rest = parts
    return (*first, *(phone.translate(_UNSTRESSED) for part in rest for phone in part))
