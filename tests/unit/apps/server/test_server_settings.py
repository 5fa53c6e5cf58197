"""Settings of the server: checked where they are made, and never open to others by accident."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import pytest

from myna.apps.cli import options
from myna.apps.server.settings import TOKENS_VARIABLE, ServerSettings, is_loopback
from myna.errors import ConfigError

TOKEN = "a-token-of-some-length"


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKENS_VARIABLE, raising=False)


def test_every_field_is_an_option_with_words() -> None:
    parser = argparse.ArgumentParser()
    options.add_settings(parser, ServerSettings)
    given = parser.parse_args(["--port", "1234", "--no-compatibility", "--roots", "/a, /b"])
    settings = options.settings(given, ServerSettings)
    assert (settings.port, settings.compatibility) == (1234, False)
    assert settings.root_folders == (Path("/a"), Path("/b"))
    assert set(options.field_docs(ServerSettings)) == {each.name for each in fields(ServerSettings)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 70_000},
        {"port": -1},
        {"workers": 0},
        {"most_body": 0},
        {"rate": -1},
        {"deadline": float("nan")},
        {"host": "http://here"},
        {"host": ""},
        {"hosts": "good, http://bad"},
        {"hosts": "bad:80"},
        {"origins": "*"},
        {"origins": "null"},
        {"origins": "http://a/path"},
        {"origins": "a.example"},
        {"wyoming_clients": "kitchen"},
        {"proxies": "10.0.0.0/40"},
        {"roots": "/"},
        {"roots": "/tmp/.."},
        {"fetch_from": "*"},
        {"fetch_from": "media.example.org/folder"},
        *({"most_voices": value} for value in (0, 1_000_001)),
        *({"jobs_waiting": value} for value in (0, 100_001)),
        *({"jobs_characters": value} for value in (0, 10_000_001)),
        *({"jobs_megabytes": value} for value in (0, 1_000_000_001)),
        *({"jobs_hours": value} for value in (0.0, 10_001.0)),
        *({"jobs_at_once": value} for value in (0, 65)),
    ],
)
def test_what_is_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        ServerSettings(**wrong)  # type: ignore[arg-type]


def test_lists_are_split() -> None:
    settings = ServerSettings(
        hosts="Myna.Example , 10.0.0.7", origins="http://a:80, chrome-extension://abc", roots=" "
    )
    assert settings.host_names >= {"myna.example", "10.0.0.7", "localhost", "127.0.0.1", "::1"}
    assert settings.origin_list == {"http://a:80", "chrome-extension://abc"}
    assert settings.root_folders == ()
    assert ServerSettings().memory_bytes is None
    assert ServerSettings(memory=2).memory_bytes == 2 << 20


def test_the_address_of_all_machines_is_no_name() -> None:
    assert "0.0.0.0" not in ServerSettings(host="0.0.0.0").host_names
    assert "192.168.1.5" in ServerSettings(host="192.168.1.5").host_names


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.9.9.9"])
def test_the_own_machine_needs_no_token(host: str) -> None:
    ServerSettings(host=host).check_binding()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "myna.example", "localhost.evil"])
def test_others_are_let_in_only_with_tokens(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="--tokens"):
        ServerSettings(host=host).check_binding()
    file = tmp_path / "keys"
    file.write_text(f"kitchen:{TOKEN}\n")
    ServerSettings(host=host, tokens=str(file)).check_binding()
    monkeypatch.setenv(TOKENS_VARIABLE, f"phone:{TOKEN}")
    ServerSettings(host=host).check_binding()


def test_wyoming_is_open_only_to_whom_it_names() -> None:
    with pytest.raises(ConfigError, match="wyoming-clients"):
        ServerSettings(wyoming_port=10200, wyoming_host="0.0.0.0").check_binding()
    settings = ServerSettings(
        wyoming_port=10200, wyoming_host="0.0.0.0", wyoming_clients="192.168.1.0/24, fd00::7"
    )
    settings.check_binding()
    assert settings.wyoming_admits("192.168.1.77")
    assert settings.wyoming_admits("::ffff:192.168.1.77")
    assert settings.wyoming_admits("fd00::7")
    assert settings.wyoming_admits("127.0.0.1")
    assert not settings.wyoming_admits("192.168.2.1")
    assert not settings.wyoming_admits("")


def test_a_root_must_be_there(tmp_path: Path) -> None:
    ServerSettings(roots=str(tmp_path)).check_binding()
    with pytest.raises(ConfigError, match="no folder"):
        ServerSettings(roots=str(tmp_path / "missing")).check_binding()


def test_keys_of_a_file_and_of_the_environment_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys"
    file.write_text(f"kitchen:{TOKEN}\n")
    monkeypatch.setenv(TOKENS_VARIABLE, f"phone:{TOKEN}2")
    ring = ServerSettings(tokens=str(file)).keyring()
    assert {ring.find(TOKEN).name, ring.find(TOKEN + "2").name} == {"kitchen", "phone"}  # type: ignore[union-attr]


@pytest.mark.parametrize("content", [None, b"", b"# none\n", b"\xff\xfe"])
def test_a_file_without_keys_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError):
        ServerSettings(tokens=str(file)).keyring()


def test_loopback_in_ipv6_notation() -> None:
    assert is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("::ffff:10.0.0.1")
    assert not is_loopback("testclient")


@pytest.mark.parametrize(
    ("keys", "shared", "together"),
    [
        ((), False, True),
        (("a",), False, True),
        (("a", "b"), False, False),
        (("a", "b"), True, True),
    ],
)
def test_voices_are_their_keys_where_there_are_several(
    keys: tuple[str, ...], shared: bool, together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKENS_VARIABLE, "\n".join(f"{key}:{TOKEN}{key}" for key in keys))
    assert ServerSettings(shared_voices=shared).shares_voices is together


def test_limits_of_jobs_are_those_of_the_settings() -> None:
    pytest.importorskip("fastapi")
    from myna.apps.server.app import _job_limits
    from myna.apps.server.jobs import JobLimits

    assert _job_limits(ServerSettings()) == JobLimits()
    most = ServerSettings(
        jobs_waiting=100_000,
        jobs_characters=10_000_000,
        jobs_megabytes=1_000_000_000,
        jobs_hours=10_000.0,
        jobs_at_once=64,
    )
    assert _job_limits(most) == JobLimits(
        waiting=100_000,
        most_characters=10_000_000,
        most_bytes=1_000_000_000 << 20,
        kept_hours=10_000.0,
        at_once=64,
    )
