"""A missing package names its extra; a broken one speaks for itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from myna.errors import MissingExtraError
from myna.extras import require


def test_installed() -> None:
    assert require("json", extra="x", feature="This").loads("[1]") == [1]


@pytest.mark.parametrize("module", ["nosuchbird", "nosuchbird.wing"])
def test_missing(module: str) -> None:
    with pytest.raises(
        MissingExtraError,
        match=rf"Flying needs the package `{module}`\. .*pip install 'myna\[wings\]'",
    ) as caught:
        require(module, extra="wings", feature="Flying")
    assert isinstance(caught.value, ImportError)


@pytest.mark.parametrize(
    ("content", "error"),
    [("import nosuchbird", ModuleNotFoundError), ("raise OSError('no CUDA')", OSError)],
)
def test_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, error: type[Exception]
) -> None:
    (tmp_path / "brokenbird.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(error) as caught:
        require("brokenbird", extra="wings", feature="Flying")
    assert not isinstance(caught.value, MissingExtraError)
