"""Cut text into runs of one script, numbers and marks, for the detector to give languages to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LATIN = "latin"
HAN = "han"
KANA = "kana"
HANGUL = "hangul"
NUMBER = "number"
QUANTITY = "quantity"
"""A number with a unit written in Latin letters."""
CODE = "code"
"""Digits that touch Latin letters, as in A4 and 5G."""
SPACE = "space"
OPENING = "opening"
"""Brackets, and the numbers in circles that head items of a list."""
CLOSING = "closing"
QUOTE = "quote"
"""A straight one, which may open or close."""
CLAUSE = "clause"
"""A mark after a clause."""
SENTENCE = "sentence"
"""A mark after a sentence."""
OTHER = "other"
"""Letters of scripts that no language of ours writes, emoji and signs."""

WORDS = frozenset({LATIN, HAN, KANA, HANGUL})
NUMBERS = frozenset({NUMBER, QUANTITY, CODE})


@dataclass(slots=True)
class Token:
    """A run of characters, and its language once that is settled."""

    kind: str
    start: int
    end: int
    language: str = ""


_L = "A-Za-zªºÀ-ÖØ-öø-ʯµμ\u1e00-\u1effﬀ-ﬆＡ-Ｚａ-ｚ"
_D = r"\d²³¹⁰⁴-⁹₀-₉½¼¾Ⅰ-ↈ"
_AL = f"{_L}{_D}\u0300-\u036f"
_HAN = (
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3100-\u312f\u31a0-\u31bf々〆〇〻\U00020000-\U000323af"
)
_KANA = (
    "\u3041-\u3096\u3099-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
    "\U0001b000-\U0001b16f"
)
_HANGUL = "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff\uffa0-\uffdc"
_CURRENCY = "$€£¥￥₩₹₫₱฿"

_TOKEN = re.compile(
    rf"""
    (?P<address>
        (?<![A-Za-z0-9._%+-])(?:
            (?:[Hh][Tt][Tt][Pp][Ss]?|[Ff][Tt][Pp])://[!-~]*+
          | [Ww][Ww][Ww]\.[!-~]++
          | [A-Za-z0-9._%+-]++@[A-Za-z0-9-]++(?>(?:\.[A-Za-z0-9-]++)+)
          | (?>(?:[A-Za-z0-9-]++\.)+)(?<=\.)(?:com|net|org|cn|jp|kr|hk|tw|io|ai|dev|edu|gov)
            (?:/[!-~]*+)?(?![A-Za-z0-9.-])
        )
    )
  | (?P<chunk>
        (?: (?:US|HK|NT|[ACS])?[{_CURRENCY}]\s?(?=[{_D}])
          | (?<![{_AL})\]）])[+\-−±＋－](?=[{_D}])
          | (?<![{_AL}])[.@](?=[A-Za-z])
        )?
        [{_AL}]++
        (?> (?: (?: (?<=[{_L}])['’·](?=[{_L}])
                  | [._&/@\-‐‑_](?=[{_AL}])
                  | (?<=[{_D}])[,:：~～–—−](?=[{_D}])
                )
            [{_AL}]++
        )* )
        (?: (?<=[A-Za-z])(?:\+\+|\#)(?![{_AL}]) )?
        (?: (?<=[{_D}])\ ?(?:[%％‰℃℉]|°(?:[CF](?![A-Za-z]))?) )?
    )
  | (?P<han>[{_HAN}]++)
  | (?P<kana>[{_KANA}]++)
  | (?P<hangul>[{_HANGUL}]++)
  | (?P<sentence>[。．！？!?｡.\n\r\v\f\x85\u2028\u2029]++)
  | (?P<space>\s++)
  | (?P<clause>[,，、;；:：…—､]++)
  | (?P<opening>[(\[{{（［｛【「『《〈〔〖“‘«‹｢¿¡①-⓿❶-➓㊀-㊉])
  | (?P<closing>[)\]}}）］｝】」』》〉〕〗”’»›｣])
  | (?P<quote>["'＂`])
  | (?P<other>[^\W\d_]++|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_UNITS = (
    "[cdhkmnuµμ]?m[²³23]?|[kKmnuµμ]?g|t|[kc]?cal|k?cal|[mMkdc]?[lL]|ms|s|h|min|[kMGT]?Hz|[kKMGT]i?[Bb]|[kKMG]bps|bps|rpm"
    "|[kMGm]?W|[kMG]?Wh|[km]?V|m?Ah?|mAh|d[Bb]|[khM]?Pa|px|pt|dpi|fps|oz|lbs?|ft|mph|mol|kn|[km]?Ω|K?cal"
)
_QUANTITY = re.compile(
    rf"[{_CURRENCY}+\-−±＋－]?[{_D}][{_D}.,~～–—−-]*(?:(?:{_UNITS})(?:/(?:{_UNITS}|d))?)"
    rf"|(?:US|HK)?[{_CURRENCY}][{_D}][{_D}.,]*[KMBkmb]n?"
)
_ENGLISH_NUMBER = re.compile(
    r"\d+(?:st|nd|rd|th)|\d{1,2}(?::\d\d)?[AaPp]\.?[Mm]|\d{3}0s|[5-9]0s|(?:No|Vol|Ver|Fig|Ch)\.?\d+|v\d[\d.]*"
)
_LEADING = re.compile(rf"([+\-−±]?[{_D}](?:[{_D}.,:]*[{_D}])?)([{_L}\u0300-\u036f][^{_D}]*)")
_TRAILING = re.compile(rf"([^{_D}]*[{_L}\u0300-\u036f][-.‐‑]?)([{_D}](?:[{_D}.,:]*[{_D}])?)")
_SPACED_UNIT = re.compile(rf"[{_D}.,]++\ (?:{_UNITS})(?:/(?:{_UNITS}))?(?![{_AL}])")


def tokens(text: str) -> list[Token]:
    """All of `text`, in order."""
    found: list[Token] = []
    done = 0
    while match := _TOKEN.match(text, done):
        kind, start, end = match.lastgroup or OTHER, done, match.end()
        if kind == "address":
            end = max(start + 1, start + len(match[0].rstrip(".,;:!?'\")]}>")))
            found.append(Token(LATIN, start, end))
        elif kind == "chunk":
            if spaced := _SPACED_UNIT.match(text, start):
                end = max(end, spaced.end())
                found.append(Token(QUANTITY, start, end))
            else:
                found += _of_chunk(match[0], start)
        else:
            found.append(Token(kind, start, end))
        done = end
    return found


def _of_chunk(chunk: str, start: int) -> Iterator[Token]:
    """Letters, digits, or both."""
    end = start + len(chunk)
    if not re.search(f"[{_D}]", chunk):
        yield Token(LATIN, start, end)
    elif not re.search(
        f"[{_L}]", chunk.lstrip("USHKNTAC") if set(chunk) & set(_CURRENCY) else chunk
    ):
        yield Token(NUMBER, start, end)
    elif _ENGLISH_NUMBER.fullmatch(chunk):
        yield Token(LATIN, start, end)
    elif _QUANTITY.fullmatch(chunk):
        yield Token(QUANTITY, start, end)
    elif match := _LEADING.fullmatch(chunk):
        yield Token(CODE, start, start + match.end(1))
        yield Token(LATIN, start + match.end(1), end)
    elif match := _TRAILING.fullmatch(chunk):
        yield Token(LATIN, start, start + match.end(1))
        yield Token(CODE, start + match.end(1), end)
    else:
        yield Token(LATIN, start, end)
