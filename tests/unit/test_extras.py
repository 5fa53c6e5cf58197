"""A missing package names its extra; a broken one speaks for itself."""

from __future__ import annotations

import os
import subprocess
import sys
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


def test_packages_are_told_to_keep_no_account_of_their_use(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    code = (
        "from myna.extras import require\n"
        "require('onnxruntime', extra='onnx', feature='This').get_available_providers()\n"
    )
    home = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", code], env=home, check=True, timeout=60)
    assert not list(tmp_path.rglob("*"))
