"""Abbreviations with a point: titles, streets, companies, initials."""

from __future__ import annotations

import re
from collections.abc import Callable

from myna.text.rules import Match, Rule
from myna.text.traced import Traced

_TITLES = {
    "Mr": "Mister",
    "Mrs": "Missus",
    "Ms": "Ms",
    "Mx": "Mix",
    "Messrs": "Messieurs",
    "Prof": "Professor",
    "Gov": "Governor",
    "Gen": "General",
    "Sgt": "Sergeant",
    "Capt": "Captain",
    "Cpt": "Captain",
    "Lt": "Lieutenant",
    "Col": "Colonel",
    "Cpl": "Corporal",
    "Maj": "Major",
    "Cmdr": "Commander",
    "Adm": "Admiral",
    "Rev": "Reverend",
    "Fr": "Father",
    "Hon": "Honorable",
    "Pres": "President",
    "Sen": "Senator",
    "Rep": "Representative",
    "Supt": "Superintendent",
    "Det": "Detective",
    "Insp": "Inspector",
    "Mt": "Mount",
    "Ft": "Fort",
    "Pt": "Point",
}
_ANYWHERE = {
    "jr": "Junior",
    "sr": "Senior",
    "esq": "Esquire",
    "inc": "Incorporated",
    "ltd": "Limited",
    "co": "Company",
    "corp": "Corporation",
    "bros": "Brothers",
    "dept": "department",
    "univ": "University",
    "assn": "association",
    "assoc": "associate",
    "ave": "Avenue",
    "blvd": "Boulevard",
    "rd": "Road",
    "ln": "Lane",
    "hwy": "Highway",
    "pkwy": "Parkway",
    "sq": "Square",
    "vs": "versus",
    "etc": "et cetera",
    "approx": "approximately",
    "appt": "appointment",
    "misc": "miscellaneous",
    "temp": "temperature",
    "avg": "average",
    "max": "maximum",
    "incl": "including",
    "excl": "excluding",
    "esp": "especially",
    "cf": "compare",
    "viz": "namely",
    "ca": "circa",
    "est": "established",
    "govt": "government",
    "intl": "international",
    "natl": "national",
    "hosp": "hospital",
    "mfg": "manufacturing",
    "mgmt": "management",
    "pop": "population",
    "orig": "original",
    "ref": "reference",
    "tel": "telephone",
    "ext": "extension",
    "fig": "figure",
    "vol": "volume",
    "min": "minutes",
    "hr": "hours",
    "hrs": "hours",
    "yr": "year",
    "yrs": "years",
    "lbs": "pounds",
    "oz": "ounces",
}
_ALWAYS_JOINED = "vs etc approx dept jr sr blvd ave rd govt univ misc incl excl bros corp inc ltd"
_ALWAYS = frozenset(_ALWAYS_JOINED.split())
"""These are no words, and are read so without a point too."""
_SENTENCE_STARTERS = (
    "The|He|She|It|They|We|You|I|This|That|These|Those|But|And|So|In|On|At|However|Then|There|When|"
    "If|What|Who|Why|How|Where|My|His|Her|Our|Their|Its|A|An|After|Before|Now|Please|Yes|No|Let|Do|"
    "Did|Is|Are|Was|Were|As|For|With|From|To|By|Not|All|Some|Many|Most|One|Two"
)
_STARTS = re.compile(rf"\s+(?:{_SENTENCE_STARTERS})\b|\s*$|\s+\"")
_TITLE = re.compile(rf"(?<![&\w])({'|'.join(_TITLES)})(?:\.|(?<=[rs])(?= [A-Z])) ?(?=[A-Z])")
_DOCTOR = re.compile(r"\bDr\b\.?(?= ?[A-Z][\w.]| and )")
_THE_DOCTOR = re.compile(r"(?i)(?<=\bthe )Dr\b\.?|(?<=\bmy )Dr\b\.?")
_DRIVE = re.compile(r"(?<=[a-z]) Dr\b(\.?)")
_STREET = re.compile(r"(?<=[a-z]) St\b(\.?)")
_SAINT = re.compile(r"\bSt\b\.? ?(?=[A-Z][a-z])")
_STREET_NAME = re.compile(
    r"(?:\b[A-Z][a-z]+|\b[0-9]+(?:st|nd|rd|th)|(?:first|second|third|th)|Avenue)$"
)
_POINTED = re.compile(rf"\b({'|'.join(_ANYWHERE)})\.(?!\w)", re.IGNORECASE)
_UNPOINTED = re.compile(rf"\b({'|'.join(_ALWAYS)})\b(?!\.)", re.IGNORECASE)
_LATIN = {
    "e.g.": "for example",
    "i.e.": "that is",
    "a.k.a.": "also known as",
    "w.r.t.": "with respect to",
    "n.b.": "note",
    "et al.": "and others",
    "p.s.": "P S",
    "r.s.v.p.": "R S V P",
    "ph.d.": "P H D",
    "b.c.e.": "B C E",
}
_LATIN_PATTERN = re.compile(
    rf"(?<![\w.])(?:{'|'.join(re.escape(word) for word in _LATIN)})(?!\w)|(?<![\w.])(?:eg|"
    rf"ie)\.,?(?= )",
    re.IGNORECASE,
)
_POINTED_LETTERS = re.compile(
    r"(?<![\w.])((?:[A-Za-z]\.){2,12})('?s)?(?!\w)|(?<![\w.])((?:[A-Z]\.){1,12}[A-Z])(?![\w.])"
)
_INITIAL = re.compile(
    rf"(?<![\w.'])(?<![A-Z] )([A-Z])\.(?= (?:[A-Z][a-z]+|[A-Z]\.))(?! (?:{_SENTENCE_STARTERS})\b)"
)
_DEGREES = re.compile(r"\bPh\.? ?D\b\.?")


def _title(match: Match) -> str:
    return f"{_TITLES[match[1]]} "


def _street_or_saint(match: Match) -> str:
    """Of `St.` after a word: a street has a name before it, and no name of its own after it."""
    before = match.string[: match.start()][-40:]
    after = match.string[match.end() :]
    named = _STREET_NAME.search(before)
    if re.match(r" ?[A-Z][a-z]", after) and not _STARTS.match(after):
        return match[0]
    if not named:
        return match[0]
    name = "Street" if "St" in match[0] else "Drive"
    return f" {name}." if match[1] and _STARTS.match(after) else f" {name}"


def _pointed(match: Match) -> str:
    word = match[1].lower()
    before = match.string[: match.start()].rstrip()[-12:]
    if word not in _ALWAYS and word in _NEEDS_MORE and not _NEEDS_MORE[word].search(before):
        return match[0]
    point = "." if _STARTS.match(match.string, match.end()) else ""
    return _ANYWHERE[word] + point


_AFTER_NUMBER = re.compile(
    r"(?:teen|ty|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|thousand)$"
)
_AFTER_NAME = re.compile(r"[A-Z][\w&]*$")
_NEEDS_MORE = {
    **dict.fromkeys(["min", "hr", "hrs", "yr", "yrs", "lbs", "oz"], _AFTER_NUMBER),
    **dict.fromkeys(["co", "sq", "ln"], _AFTER_NAME),
    **dict.fromkeys(
        ["max", "temp", "pop", "fig", "ext", "ref", "est", "ca"], re.compile("$^|[a-z,(]$")
    ),
}
"""What must stand before a word that is one without its point too."""


def _unpointed(match: Match) -> str:
    return _ANYWHERE[match[1].lower()]


def _latin(match: Match) -> str:
    key = match[0].lower()
    words = _LATIN.get(key) or ("for example" if key.startswith("e") else "that is")
    ends = key in ("et al.", "ph.d.") and _STARTS.match(match.string, match.end())
    return f"{words}." if ends else words


def _letters(match: Match) -> str:
    """`U.S.` letter by letter; its last point stays where a sentence ends."""
    letters = (match[1] or match[3]).replace(".", "").upper()
    words = " ".join(letters)
    if match[2]:
        return f"{words}'s"
    point = match[1] and _STARTS.match(match.string, match.end())
    return f"{words}." if point else words


RULES: tuple[Callable[[Traced], Traced], ...] = (
    Rule("en.abbreviation", _DEGREES, "P H D"),
    Rule("en.abbreviation", _LATIN_PATTERN, _latin),
    Rule("en.initials", _POINTED_LETTERS, _letters),
    Rule("en.title", _THE_DOCTOR, "doctor"),
    Rule("en.title", _DRIVE, _street_or_saint),
    Rule("en.street", _STREET, _street_or_saint),
    Rule("en.title", _TITLE, _title),
    Rule("en.title", _DOCTOR, "Doctor"),
    Rule("en.saint", _SAINT, "Saint "),
    Rule("en.initials", _INITIAL, r"\1"),
    Rule("en.abbreviation", _POINTED, _pointed),
    Rule("en.abbreviation", _UNPOINTED, _unpointed),
)
