"""Files of keys: read strictly, kept as hashes, and never quoted."""

from __future__ import annotations

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.apps.server.safety import keys
from myna.errors import ConfigError

TOKEN = "a-token-of-some-length"


def test_names_tokens_and_rates_are_read() -> None:
    other = hashlib.sha256(b"another-long-token").hexdigest()
    ring = keys.parse(
        f"# keys\n\n  kitchen:{TOKEN}\r\nphone:sha256={other}:30\nall:{TOKEN}x:0\n", name="keys"
    )
    assert len(ring) == 3
    assert ring.find(TOKEN) == keys.Key("kitchen", None)
    assert ring.find("another-long-token") == keys.Key("phone", 30)
    assert ring.find(TOKEN + "x") == keys.Key("all", 0)
    for unknown in ("", "x", TOKEN[:-1], other, f"sha256={other}", TOKEN.upper(), "é" * 20):
        assert ring.find(unknown) is None


def test_tokens_are_not_kept() -> None:
    ring = keys.parse(f"kitchen:{TOKEN}", name="keys")
    assert TOKEN not in repr(vars(ring))


@pytest.mark.parametrize(
    "line",
    [
        TOKEN,
        f":{TOKEN}",
        "short:abc",
        f"a b:{TOKEN}",
        f"a:{TOKEN}:many",
        f"a:{TOKEN}:1:2",
        f"a:{TOKEN} ü",
        "a:sha256=abcdef0123456789abcdef",
        "a:" + "x" * 257,
        f"{'n' * 65}:{TOKEN}",
        f"same:{TOKEN}\nother:{TOKEN}",
        f"same:{TOKEN}\nsame:{TOKEN}2",
    ],
)
def test_what_is_not_well_formed_is_an_error_that_quotes_nothing(line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        keys.parse(f"# first\n{line}", name="the file")
    assert "the file" in str(raised.value)
    assert TOKEN not in str(raised.value)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigError):
        ring = keys.parse(text, name="x")
        assert len(ring) <= text.count(":")


@given(st.text(max_size=300), st.integers(0, 300))
def test_any_token_is_looked_for(text: str, cut: int) -> None:
    ring = keys.parse(f"kitchen:{TOKEN}", name="x")
    assert ring.find(text) is None
    assert (ring.find(TOKEN[:cut]) is not None) == (cut >= len(TOKEN))
