"""The server is started as programs start GPT-SoVITS's api_v2.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from myna.apps.cli.main import parser_of
from myna.apps.server import api_v2

CONFIG = """\
# written by the web UI
custom:
  device: cuda
  is_half: true

  t2s_weights_path: GPT_weights/anna-e15.ckpt  # the last one
  version: v2ProPlus
v2:
  device: cpu
"""


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were given to `myna`."""
    commands: list[list[str]] = []

    def main(arguments: list[str]) -> int:
        commands.append(arguments)
        return 0

    monkeypatch.setattr(api_v2.cli, "main", main)
    return commands


@pytest.mark.parametrize(
    ("given", "host", "port"),
    [
        ([], "127.0.0.1", 9880),
        (["-a", "127.0.0.1", "-p", "9881"], "127.0.0.1", 9881),
        (["--bind_addr", "0.0.0.0", "--port", "80"], "0.0.0.0", 80),
        (["-a", "None"], "::", 9880),
        (["-a", "::1"], "::1", 9880),
    ],
)
def test_options(
    given: list[str],
    host: str,
    port: int,
    served: list[list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert api_v2.main(given) == 0
    (command,) = served
    parsed = parser_of().parse_args(command)
    assert (parsed.host, parsed.port) == (host, port)
    assert capsys.readouterr().err == ""


def test_what_is_not_heeded_is_said(
    tmp_path: Path, served: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tts_infer.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    assert api_v2.main(["-a", "127.0.0.1", "-p", "9880", "-c", str(path)]) == 0
    said = capsys.readouterr().err
    assert "nothing is heeded" in said
    for entry in ("device cuda", "t2s_weights_path GPT_weights/anna-e15.ckpt", "v2ProPlus"):
        assert entry in said
    assert "cpu" not in said
    assert "myna models convert" in said
    assert len(served) == 1


@pytest.mark.parametrize("text", ["", "nothing of the kind", "custom:\n", "\0\1"])
def test_any_configuration_will_do(
    text: str, tmp_path: Path, served: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tts_infer.yaml"
    path.write_text(text, encoding="utf-8")
    assert api_v2.main(["-c", str(path)]) == 0
    assert "is not heeded" in capsys.readouterr().err
    assert len(served) == 1


def test_a_configuration_that_is_not_there(
    served: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert api_v2.main(["-c", "GPT_SoVITS/configs/tts_infer.yaml"]) == 0
    assert "cannot be read" in capsys.readouterr().err
    assert len(served) == 1


def test_all_addresses_need_tokens(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MYNA_TOKENS", raising=False)
    assert api_v2.main(["-a", "None"]) == 1
    assert "token" in capsys.readouterr().err
