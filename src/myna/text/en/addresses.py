"""E-mail and web addresses, file names and paths, handles and hashtags, said sign by sign."""

from __future__ import annotations

import re

from myna.text.en import dictionary
from myna.text.en.casing import is_short_word, spaced
from myna.text.en.spoken import cardinal, digits, year
from myna.text.rules import Match, Rule

_SIGNS = {
    ".": "dot",
    "/": "slash",
    "\\": "backslash",
    ":": "colon",
    "-": "dash",
    "_": "underscore",
    "@": "at",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "%": "percent",
    "+": "plus",
    "~": "tilde",
    ",": "comma",
    ";": "semicolon",
    "!": "exclamation mark",
    "*": "star",
    "$": "dollar",
    "(": "",
    ")": "",
}
_ENDINGS = (
    "com|org|net|edu|gov|mil|int|info|biz|io|ai|app|dev|co|me|tv|uk|us|ca|au|de|fr|jp|cn|kr|in|eu|"
    "ru|nl|ch|se|no|es|it|br|nz|ie|tech|xyz|online|site|blog|shop|cloud|gg|ly|to|so"
)
_FILE_ENDINGS = (
    "txt|pdf|py|md|json|csv|tsv|png|jpe?g|gif|svg|bmp|webp|mp3|mp4|wav|flac|ogg|avi|mov|mkv|zip|"
    "tar|gz|rar|7z|exe|dll|html?|css|js|ts|jsx|tsx|docx?|xlsx?|pptx?|ya?ml|toml|ini|cfg|conf|log|"
    "xml|sql|sh|bat|cpp|hpp|java|rs|go|rb|php|ipynb|onnx|safetensors|npz|pth|bin|iso|env|lock"
)
_WORDS_JOINED = "com org net gov app dev info json yaml toml gif zip log env lock bin"
_WORDS = frozenset(_WORDS_JOINED.split())
_LETTERS_JOINED = "edu etc www png mp html htm css js ts tsx jsx py md pdf csv svg jpg jpeg"
_LETTERS = frozenset(_LETTERS_JOINED.split())
_LOCAL = "[A-Za-z0-9._%+-]"
_EMAIL = re.compile(rf"(?<!{_LOCAL}){_LOCAL}{{1,64}}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_URL = re.compile(r"(?<![A-Za-z0-9])(?:https?|ftp|ftps|file|ssh)://[!-~]+|(?<![\w.])www\.[!-~]+")
_DOMAIN = re.compile(
    rf"(?<![\w@.-])[A-Za-z0-9-]{{1,63}}(?:\.[A-Za-z0-9-]{{1,63}}){{0,8}}\.(?:{_ENDINGS})"
    r"(?::[0-9]+)?(?:/[!-~]*)?(?![\w-])(?!\.\w)"
)
_WINDOWS_PATH = re.compile(r"(?<!\w)[A-Za-z]:\\[!-~]*")
_PATH = re.compile(
    r"(?<![\w/.~<-])(?:~|\.{1,2})?/[A-Za-z0-9_.+-]+(?:/[A-Za-z0-9_.+-]+)+/?"
    r"|(?<![\w/.-])(?:~|\.{1,2})/[A-Za-z0-9_.+-]+"
    rf"|(?<![\w/.-])[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+){{1,20}}\.(?:{_FILE_ENDINGS})(?!\w)"
)
_FILE = re.compile(
    r"(?<![\w.-])[A-Za-z0-9_-]{1,100}(?:\.[A-Za-z0-9_-]{1,20}){0,5}"
    rf"\.(?:{_FILE_ENDINGS})(?!\w|\.\w)"
)
_HANDLE = re.compile(r"(?<![\w@])@([A-Za-z0-9_]+)")
_HASHTAG = re.compile(r"(?<![\w#&])#([A-Za-z_][A-Za-z0-9_]*)")
_SHARP = re.compile(r"\b([A-G])#(?!\w)")
_PIECE = re.compile(r"[A-Za-z]+|[0-9]+|[^A-Za-z0-9]")
_CLOSING = ".,;:!?)]}'\"*>"
_IS_SENTENCE = re.compile(r"[a-z]+\.[A-Z]?[a-z]+")


def _address(match: Match) -> str:
    found = match[0].rstrip(_CLOSING)
    end = match[0][len(found) :]
    return _said(found) + end


def _domain(match: Match) -> str:
    """A domain without scheme; `end.In` is two sentences."""
    ending = match[0].partition("/")[0].rpartition(".")[2]
    if ending != ending.lower() or (
        ending in ("in", "me", "to", "so", "it", "no", "us")
        and "/" not in match[0]
        and match[0].count(".") < 2
    ):
        return match[0]
    return _address(match)


def _said(address: str) -> str:
    words: list[str] = []
    for piece in _PIECE.findall(address.removesuffix("/")):
        if piece.isalpha():
            words += _name(piece)
        elif piece.isdigit():
            words.append(_number(piece))
        else:
            words.append(_SIGNS.get(piece, piece))
    return " ".join(word for word in words if word)


def _name(letters: str) -> list[str]:
    """A part of an address: a word, or spelled if it is not likely to be one."""
    lower = letters.lower()
    if lower in _WORDS:
        return [lower]
    if len(letters) == 1 or lower in _LETTERS or not re.search("[aeiouy]", lower):
        return [spaced(letters)]
    if len(letters) > 3 or is_short_word(lower) or (len(letters) == 3 and dictionary.has(lower)):
        return [letters]
    return [spaced(letters)]


def _number(number: str) -> str:
    if number[0] == "0" or len(number) > 4:
        return digits(number)
    return year(number) if len(number) == 4 else cardinal(number)


def _handle(match: Match) -> str:
    return f"at {_said(match[1])}"


def _hashtag(match: Match) -> str:
    return f"hashtag {match[1].replace('_', ' ')}"


RULES = (
    Rule("en.email", _EMAIL, _address),
    Rule("en.web_address", _URL, _address),
    Rule("en.web_address", _DOMAIN, _domain),
    Rule("en.path", _WINDOWS_PATH, _address),
    Rule("en.path", _PATH, _address),
    Rule("en.file", _FILE, _address),
    Rule("en.handle", _HANDLE, _handle),
    Rule("en.sharp", _SHARP, r"\1 sharp"),
    Rule("en.hashtag", _HASHTAG, _hashtag),
)
