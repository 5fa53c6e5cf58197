"""Values are read as clients write them; what cannot be read is refused."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="the server is an extra")

from fastapi.exceptions import RequestValidationError
from starlette.datastructures import QueryParams
from starlette.requests import Request

from myna.apps.server import lenient
from myna.apps.server.lenient import Fields, from_body, from_query
from myna.errors import ConfigError
from myna.text.segments import MODES

WHOLE = {"low": -(2**63), "high": 2**63 - 1}


def one(value: object) -> Fields:
    return Fields({"x": (value,)}, "body")


@pytest.mark.parametrize(
    "value", [True, 1, "true", "True", "on", "1", "yes", "ture", " TRUE ", 1.0]
)
def test_yes(value: object) -> None:
    assert one(value).flag("x") is True
    assert one(value).streaming_mode("x") == 1


@pytest.mark.parametrize(
    "value", [False, 0, "false", "False", "off", "0", "no", "none", "None", "null", "", None, 0.0]
)
def test_no(value: object) -> None:
    assert one(value).flag("x") is False
    assert one(value).streaming_mode("x") == 0


@pytest.mark.parametrize("value", ["maybe", 2, -1, [True], {}, "２"])
def test_neither(value: object) -> None:
    with pytest.raises(RequestValidationError) as raised:
        one(value).flag("x")
    (detail,) = raised.value.errors()
    assert (detail["type"], detail["loc"]) == ("bool_parsing", ("body", "x"))


def test_what_is_absent_is_the_default() -> None:
    assert one("none").flag("x", default=True) is True
    assert Fields({}, "query").flag("x", default=True) is True


@pytest.mark.parametrize(("value", "mode"), [(2, 2), ("2", 2), (3, 3), ("3", 3), (2.0, 2)])
def test_streaming_modes(value: object, mode: int) -> None:
    assert one(value).streaming_mode("x") == mode


@pytest.mark.parametrize("value", [4, -1, "4", "maybe", 1.5, [], {}])
def test_streaming_modes_that_there_are_not(value: object) -> None:
    with pytest.raises(ConfigError) as raised:
        one(value).streaming_mode("x")
    assert str(raised.value) == (
        "the value of streaming_mode must be 0, 1, 2, 3(int) or true/false(bool)"
    )


@pytest.mark.parametrize(
    ("value", "read"),
    [(5, 5), ("5", 5), (" 5 ", 5), (5.0, 5), ("5.0", 5), ("-1", -1), (str(2**63 - 1), 2**63 - 1)],
)
def test_whole_numbers(value: object, read: int) -> None:
    assert one(value).whole("x", **WHOLE) == read


@pytest.mark.parametrize(
    "value", [1.5, "1.5", "many", True, [1], "nan", "inf", float("nan"), float("inf"), "1,5"]
)
def test_what_is_no_whole_number(value: object) -> None:
    with pytest.raises(RequestValidationError):
        one(value).whole("x", **WHOLE)


@pytest.mark.parametrize("value", [10**400, -(10**400), 10**5000, 2**63, "9" * 39], ids=range(5))
def test_numbers_beyond_all_bounds(value: object) -> None:
    with pytest.raises(ConfigError, match="it goes from"):
        one(value).whole("x", **WHOLE)


def test_numbers() -> None:
    assert one("0.75").number("x", low=0, high=1) == 0.75
    assert one(1).number("x", low=0, high=1) == 1.0
    assert one("none").number("x", low=0, high=1) is None
    with pytest.raises(ConfigError, match=r"^x is 1\.01; it goes from 0 to 1\.$"):
        one("1.01").number("x", low=0, high=1)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", 10**400, float("nan")])
def test_numbers_that_are_not_finite(value: object) -> None:
    with pytest.raises(RequestValidationError) as raised:
        one(value).number("x", low=0, high=1)
    assert raised.value.errors()[0]["type"] == "finite_number"


@pytest.mark.parametrize("value", [None, "", " ", "none", "None", "null", "NULL", "undefined"])
def test_nothing(value: object) -> None:
    assert one(value).text("x") == ""
    assert not one(value).has("x")
    assert "x" in one(value)
    assert one(value).strings("x") == ()


def test_words_to_say_may_be_any() -> None:
    for said in ("none", "null", " a "):
        assert one(said).text("x", verbatim=True) == said
    assert one(None).text("x", verbatim=True) == ""
    assert one(5).text("x") == "5"


def test_the_first_name_that_is_given_counts() -> None:
    fields = Fields({"a": ("none",), "b": ("2",), "c": ("3",)}, "query")
    assert fields.text("a", "b", "c") == "2"
    assert fields.whole("missing", "c", low=0, high=9) == 3


def test_repeated_names() -> None:
    fields = from_query(QueryParams("x=1&y=9&x=2"))
    assert fields.strings("x") == ("1", "2")
    assert fields.text("x") == "2"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (["a", "b"], ("a", "b")),
        ('["a", "b"]', ("a", "b")),
        ("a", ("a",)),
        ([], ()),
        ("[]", ()),
        (["", None, "none", "a"], ("a",)),
        ("[neutral] anna.wav", ("[neutral] anna.wav",)),
        ("[1]", ("1",)),
    ],
)
def test_lists(value: object, read: tuple[str, ...]) -> None:
    assert one(value).strings("x") == read


def test_lists_that_are_too_long_or_of_something_else() -> None:
    with pytest.raises(ConfigError, match="16 are the most"):
        one(["a"] * 17).strings("x")
    with pytest.raises(RequestValidationError):
        one([{"a": 1}]).strings("x")
    with pytest.raises(RequestValidationError):
        one({"a": 1}).strings("x")


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *((mode, mode) for mode in MODES),
        *((mode.upper(), mode) for mode in MODES),
        ("audo", "auto"),
        ("中文", "all_zh"),
        ("粤语", "all_yue"),
        ("英文", "en"),
        ("日文", "all_ja"),
        ("韩文", "all_ko"),
        ("中英混合", "zh"),
        ("粤英混合", "yue"),
        ("日英混合", "ja"),
        ("韩英混合", "ko"),
        ("多语种混合", "auto"),
        ("多语种混合(粤语)", "auto_yue"),
        ("多语种混合（粤语）", "auto_yue"),
        ("en-US", "en"),
        ("zh_CN", "zh"),
        ("zh-HK", "yue"),
        (" English ", "en"),
    ],
)
def test_languages(name: str, mode: str) -> None:
    assert lenient.language(name) == mode


@pytest.mark.parametrize("name", ["fr", "klingon", "", "e n g"])
def test_languages_that_we_do_not_speak(name: str) -> None:
    assert lenient.language(name) is None


def test_every_language_is_one_that_text_is_read_in() -> None:
    assert set(lenient.LANGUAGES.values()) <= set(MODES)


def test_halves_of_characters_are_marked() -> None:
    assert one("a\ud800b").text("x") == "a\ufffdb"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(JSON)
def test_anything_is_read_or_refused(value: Any) -> None:
    for read in (
        lambda fields: fields.text("x"),
        lambda fields: fields.text("x", verbatim=True),
        lambda fields: fields.whole("x", low=0, high=9),
        lambda fields: fields.number("x", low=0, high=9),
        lambda fields: fields.flag("x"),
        lambda fields: fields.strings("x"),
        lambda fields: fields.streaming_mode("x"),
        lambda fields: fields.has("x"),
    ):
        try:
            read(one(value))
        except RequestValidationError as error:
            json.dumps(error.errors()).encode()
        except ConfigError as error:
            str(error).encode()


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()), st.booleans())
def test_any_body_is_an_object_or_refused(body: bytes, any_type: bool) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", b"text/plain" if any_type else b"application/json; charset=utf-8")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    try:
        fields = asyncio.run(from_body(request, any_type=any_type))
    except RequestValidationError:
        return
    assert not body or isinstance(json.loads(body), dict)
    assert not fields.has("no such name")
