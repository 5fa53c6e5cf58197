"""Numbers that are names: versions, network addresses, rooms and flights, Roman numerals."""

from __future__ import annotations

import re

from myna.text.en.spoken import cardinal, code, digits, in_pairs, ordinal
from myna.text.rules import Match, Rule

_REFERENCES = {
    "no": "number",
    "nos": "numbers",
    "p": "page",
    "pp": "pages",
    "pg": "page",
    "vol": "volume",
    "vols": "volumes",
    "ch": "chapter",
    "chap": "chapter",
    "fig": "figure",
    "figs": "figures",
    "sec": "section",
    "sect": "section",
    "art": "article",
    "eq": "equation",
    "ed": "edition",
    "ver": "version",
    "tel": "telephone",
    "ext": "extension",
    "apt": "apartment",
    "bldg": "building",
    "par": "paragraph",
    "para": "paragraph",
}
_REFERENCE = re.compile(rf"(?i)\b({'|'.join(_REFERENCES)})\. ?(?=#?[0-9])")
_PAGES = re.compile(r"\b(pp?) (?=[0-9])")
_NUMBER_SIGN = re.compile(r"(?<!\w)#(?=[0-9])(?:([0-9]{5,})(?![\w,.]))?")
_LINES = re.compile(r"(?<![\w.,])([1-9][0-9]{2,3})([pi])(?!\w)")
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IP = re.compile(
    rf"(?<![\w.])({_BYTE}(?:\.{_BYTE}){{3}})(?:/([0-9]{{1,2}})|:([0-9]{{2,5}}))?(?![\w/]|\.[0-9])"
)
_VERSION = re.compile(r"(?<![\w.])([vV]\.? ?)?([0-9]+(?:\.[0-9]+){2,})(?![0-9])")
_V_NUMBER = re.compile(r"(?<![\w.])[vV]\.?([0-9]+(?:\.[0-9]+)?)(?![\w]|\.[0-9])")
_RELEASED = (
    "version|release|python|ubuntu|android|ios|macos|java|kernel|cuda|pytorch|node|debian|fedora|"
    "postgres|django|firefox|chrome|http|usb|bluetooth"
)
_RELEASE = re.compile(rf"(?i)\b((?:{_RELEASED}) )([0-9]+)\.([0-9]+)(?![\w%]|\.[0-9])")
_PLACES = (
    "[Rr]oom|[Ff]light|[Rr]oute|[Hh]ighway|[Ii]nterstate|[Bb]us|[Ee]rror|HTTP|[Bb]oeing|[Aa]irbus|"
    "[Aa]partment|[Ss]uite|[Cc]hannel|[Gg]ate|[Tt]rain|[Cc]lassroom|[Rr]oad|US|I|Porsche|Peugeot"
)
_ROOM = re.compile(rf"\b((?:{_PLACES}) ?-?)([1-9][0-9]{{2,3}})(?![\w%]|[.,:][0-9])")
_ERROR = re.compile(r"(?<![\w.,$-])([1-5][0-9]{2})(?= (?:error|errors|status|page not found)\b)")
_ZEROES = re.compile(r"(?<![\w.,-])0[0-9]+(?![\w]|[.,][0-9])")

# All of its parts may be empty, but not all of them together: `John Lennon` begins with an L.
_ROMAN = r"(?=[IVXLC])(?:C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?<=[IVXLC])"
_DIVISIONS = (
    "[Cc]hapter|[Pp]art|[Aa]ct|[Ss]cene|[Vv]olume|[Bb]ook|[Ss]ection|[Aa]rticle|[Tt]ype|[Pp]hase|"
    "[Ss]tage|[Ll]evel|[Gg]rade|[Cc]lass|[Ee]pisode|Title|Appendix|Figure|Table|Season|War|Bowl|"
    "Mark|Corps|Fantasy|Schedule|Category|Unit|Lesson|Canto|Division"
)
_DIVISION = re.compile(rf"\b((?:{_DIVISIONS}) )({_ROMAN})\b(?!')")
_RULERS = (
    "Henry|Louis|Elizabeth|George|Edward|Charles|William|James|Richard|Mary|John|Paul|Benedict|"
    "Pius|Francis|Philip|Philippe|Catherine|Nicholas|Alexander|Peter|Frederick|Friedrich|Wilhelm|"
    "Napoleon|Ramses|Ramesses|Ptolemy|Leo|Gregory|Innocent|Leopold|Ferdinand|Ivan|Gustav|Harald|"
    "Carlos|Felipe|Urban|Clement|Otto|Christian|Haakon|Olaf|Baldwin|Rudolf|Joseph|Margrethe|"
    "Julius|Sixtus|Boniface|Celestine|Darius|Xerxes|Murad|Mehmed|Selim|Abdul|Thutmose|Amenhotep"
)
_RULER = re.compile(rf"\b({_RULERS}) ({_ROMAN})\b(?!['.]\w)")
_AFTER_NAME = re.compile(
    r"\b([A-Z][a-z]+(?:'s)?) (II|III|IV|VI{1,3}|IX|XI{1,3}|XIV|XVI{0,3}|XI?X)\b"
)
_LETTERS = ("C", "L")
"""Alone they are letters, not numbers."""
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def _number_of(roman: str) -> str:
    values = [_VALUES[letter] for letter in roman]
    pairs = zip(values, [*values[1:], 0], strict=True)
    return str(sum(-value if value < following else value for value, following in pairs))


def _division(match: Match) -> str:
    """Nobody counts to `Class C`."""
    if match[2] in _LETTERS:
        return match[0]
    return match[1] + cardinal(_number_of(match[2]))


def _ruler(match: Match) -> str:
    """`Henry VIII` has an ordinal; `I` after a name may be the speaker, `C` is an initial."""
    after = match.string[match.end() : match.end() + 2]
    if match[2] in _LETTERS or (match[2] == "I" and re.match(" [a-z]", after)):
        return match[0]
    return f"{match[1]} the {ordinal(_number_of(match[2]))}"


def _after_name(match: Match) -> str:
    return f"{match[1]} {cardinal(_number_of(match[2]))}"


def _ip(match: Match) -> str:
    words = " dot ".join(in_pairs(part) for part in match[1].split("."))
    if match[2]:
        words += f" slash {cardinal(match[2])}"
    return f"{words} colon {in_pairs(match[3])}" if match[3] else words


def _version(match: Match) -> str:
    words = " point ".join(code(part) for part in match[2].split("."))
    return f"version {words}" if match[1] else words


def _v_number(match: Match) -> str:
    return f"version {' point '.join(code(part) for part in match[1].split('.'))}"


def _release(match: Match) -> str:
    minor = f"oh {cardinal(match[3])}" if re.fullmatch("0[1-9]", match[3]) else code(match[3])
    return f"{match[1]}{cardinal(match[2])} point {minor}"


RULES = (
    Rule("en.reference", _REFERENCE, lambda match: f"{_REFERENCES[match[1].lower()]} "),
    Rule("en.reference", _PAGES, lambda match: f"{_REFERENCES[match[1]]} "),
    Rule("en.number_sign", _NUMBER_SIGN, lambda match: f"number {digits(match[1] or '')}"),
    Rule("en.numbered", _LINES, lambda match: f"{in_pairs(match[1])} {match[2].upper()}"),
    Rule("en.network_address", _IP, _ip),
    Rule("en.version", _VERSION, _version),
    Rule("en.version", _V_NUMBER, _v_number),
    Rule("en.version", _RELEASE, _release),
    Rule("en.numbered", _ROOM, lambda match: f"{match[1].rstrip(' -')} {in_pairs(match[2])}"),
    Rule("en.numbered", _ERROR, lambda match: in_pairs(match[1])),
    Rule("en.roman_numeral", _DIVISION, _division),
    Rule("en.roman_numeral", _RULER, _ruler),
    Rule("en.roman_numeral", _AFTER_NAME, _after_name),
    Rule("en.leading_zero", _ZEROES, lambda match: digits(match[0])),
)
