"""Recipe files are read strictly, and written so that they read back as the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna import config
from myna.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    rate: float = 0.5
    betas: tuple[float, float] = (0.9, 0.99)
    steps: int = 3

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ConfigError(f"rate is {self.rate}; it must not be negative.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    name: str
    fast: bool = False
    words: tuple[str, ...] = ("a",)
    most: int | None = 4
    note: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)
    spare: Inner | None = None
    rows: tuple[Inner, ...] = ()


FULL = """
name = "voice"
fast = true
words = ["x", "y"]
most = "none"
weights = {mel = 45, "feature matching" = 2.5}

[inner]
rate = 1
betas = [0, 0.5]

[spare]
steps = 9

[[rows]]
steps = 1
[[rows]]
"""


def test_every_kind_of_value() -> None:
    assert config.parse(FULL, Recipe) == Recipe(
        name="voice",
        fast=True,
        words=("x", "y"),
        most=None,
        weights={"mel": 45.0, "feature matching": 2.5},
        inner=Inner(rate=1.0, betas=(0.0, 0.5)),
        spare=Inner(steps=9),
        rows=(Inner(steps=1), Inner()),
    )


def test_whole_numbers_become_floats() -> None:
    assert type(config.parse("rate = 2", Inner).rate) is float


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nam = 'x'", "set: nam: there is no such setting; did you mean name?"),
        (
            "name='x'\n[inner]\nzzz = 1",
            "set: inner.zzz: there is no such setting; there are rate, betas, steps.",
        ),
        ("fast = true", "set: name: this setting has no default; give it a value."),
        ("name = 1", "set: name: expected text in quotes, found 1."),
        ("name='x'\nfast = 1", "set: fast: expected true or false, found 1."),
        ("name='x'\nmost = true", "set: most: expected a whole number, found True."),
        ("name='x'\nmost = 1.5", "set: most: expected a whole number, found 1.5."),
        ("name='x'\ninner.rate = 'x'", "set: inner.rate: expected a number, found 'x'."),
        ("name='x'\ninner.rate = true", "set: inner.rate: expected a number, found True."),
        ("name='x'\ninner.rate = nan", "set: inner.rate: expected a number, found nan."),
        ("name='x'\ninner = 3", "set: inner: expected a table of settings, found 3."),
        ("name='x'\nwords = 'a'", "set: words: expected a list, found 'a'."),
        ("name='x'\nwords = ['a', 2]", "set: words[1]: expected text in quotes, found 2."),
        ("name='x'\ninner.betas = [1]", "set: inner.betas: expected 2 values, found 1."),
        ("name='x'\nweights = 1", "set: weights: expected a table, found 1."),
        ("name='x'\nweights.a = 'b'", "set: weights.a: expected a number, found 'b'."),
        (
            "name='x'\n[[rows]]\n[[rows]]\nrate = -1",
            "set: rows[1]: rate is -1.0; it must not be negative.",
        ),
        ("name='x'\ninner.rate = -1", "set: inner: rate is -1.0; it must not be negative."),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(text, Recipe, name="set")
    assert str(caught.value) == message


def test_no_toml() -> None:
    with pytest.raises(ConfigError, match="set is no TOML"):
        config.parse("name = ", Recipe, name="set")


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    with pytest.raises(ConfigError, match=r"There is no recipe file .*recipe\.toml"):
        config.read(path, Recipe)
    path.write_text("name = 'Änne'", encoding="utf-8")
    assert config.read(str(path), Recipe) == Recipe(name="Änne")
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError, match=r"recipe\.toml is no text in UTF-8"):
        config.read(path, Recipe)
    path.write_text("fest = true")
    with pytest.raises(ConfigError, match=r"recipe\.toml: fest: .* did you mean fast\?"):
        config.read(path, Recipe)


def test_overrides_win() -> None:
    recipe = config.parse(
        FULL,
        Recipe,
        overrides=[
            "name=1e5",
            "most = 7",
            "note='q'",
            "inner.steps=11",
            "spare=none",
            "weights.kl=1",
            'words=["z"]',
        ],
    )
    assert recipe.name == "1e5"
    assert (recipe.most, recipe.note, recipe.spare) == (7, "q", None)
    assert recipe.inner == Inner(rate=1.0, betas=(0.0, 0.5), steps=11)
    assert recipe.weights == {"mel": 45.0, "feature matching": 2.5, "kl": 1.0}
    assert recipe.words == ("z",)
    assert config.parse("", Recipe, overrides=["name='two words'"]).name == "two words"
    assert config.parse("", Recipe, overrides=["name="]).name == ""


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("inner.step=1", "setting 'inner.step=1': inner.step: .* did you mean steps?"),
        ("inner.steps=1.5", "setting 'inner.steps=1.5': inner.steps: expected a whole number"),
        ("inner.steps", "'inner.steps' is no setting"),
        ("inner..steps=1", "is no setting"),
        ("name.x=1", "name is no table of settings"),
        ("inner.steps=1\nrate=2", "inner.steps: expected a whole number"),
    ],
)
def test_wrong_overrides(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.parse(FULL, Recipe, overrides=[override])


inners = st.builds(
    Inner,
    rate=st.floats(min_value=0),
    betas=st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)),
    steps=st.integers(-(2**60), 2**60),
)
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.builds(
        Recipe,
        name=texts,
        fast=st.booleans(),
        words=st.lists(texts).map(tuple),
        most=st.none() | st.integers(-(2**60), 2**60),
        note=st.none() | texts.filter(lambda text: text != config.NONE),
        weights=st.dictionaries(texts, st.floats(allow_nan=False)),
        inner=inners,
        spare=st.none() | inners,
        rows=st.lists(inners, max_size=3).map(tuple),
    )
)
def test_written_and_read_back(recipe: Recipe) -> None:
    assert config.parse(config.as_toml(recipe), Recipe) == recipe


def test_how_it_is_written() -> None:
    written = config.as_toml(Recipe(name="x", weights={"kl loss": 1e-9}, rows=(Inner(),)))
    assert written == (
        'name = "x"\nfast = false\nwords = ["a"]\nmost = 4\nnote = "none"\nspare = "none"\n'
        "rows = [{rate = 0.5, betas = [0.9, 0.99], steps = 3}]\n"
        '\n[weights]\n"kl loss" = 1e-09\n'
        "\n[inner]\nrate = 0.5\nbetas = [0.9, 0.99]\nsteps = 3\n"
    )
