"""What stands in deploy/ fits the server: options, paths, ports, and how it is shut in."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from pathlib import Path
from typing import Any

import checkout
import pytest

from myna import __version__
from myna.apps.cli.main import parser_of
from myna.apps.server.settings import ServerSettings

DEPLOY = checkout.ROOT / "deploy"
IMAGES = ("Dockerfile", "Dockerfile.cuda")
CHART = DEPLOY / "helm" / "myna"
USER = "10001"
HOME = "/var/lib/myna"


def _instructions(name: str) -> list[tuple[str, str]]:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines if line.strip()]


def _served(words: list[str]) -> Any:
    parsed = parser_of().parse_args(words)
    assert parsed.run.__module__ == "myna.apps.cli.serve"
    return parsed


@pytest.mark.parametrize("name", IMAGES)
def test_an_image(name: str) -> None:
    steps = _instructions(name)
    last = max(index for index, (word, _) in enumerate(steps) if word == "FROM")
    kept = steps[last:]
    told = dict(kept)
    assert told["USER"] == f"{USER}:{USER}"
    assert told["ENTRYPOINT"] == '["myna"]'
    served = _served(json.loads(told["CMD"]))
    assert (served.host, served.port) == ("0.0.0.0", 9880)
    assert served.tokens == "/run/secrets/myna_tokens"
    assert told["EXPOSE"] == "9880"
    assert "127.0.0.1:9880/health" in told["HEALTHCHECK"]
    assert json.loads(told["HEALTHCHECK"].partition("CMD ")[2])[0] == "python"
    assert f"MYNA_HOME={HOME}" in told["ENV"]
    assert "PYTHONDONTWRITEBYTECODE=1" in told["ENV"]
    assert not any("pip" in said or "apt-get" in said for word, said in kept if word == "RUN")


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_made_of_wheels_of_the_lock(name: str) -> None:
    (install,) = (
        said for word, said in _instructions(name) if word == "RUN" and "install --only" in said
    )
    assert "--only-binary :all: --no-binary jieba" in install
    assert "-c requirements/dev.lock" in install
    assert not any(package in install for package in ("gcc", "build-essential", "-dev"))


@pytest.mark.parametrize("name", IMAGES)
def test_what_an_image_copies_is_there_and_let_through(name: str) -> None:
    allowed = {
        line[1:]
        for line in (checkout.ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    copied = {
        source
        for word, said in _instructions(name)
        if word == "COPY" and "--from" not in said
        for source in said.split()[:-1]
    }
    assert copied == allowed
    for source in copied:
        assert (checkout.ROOT / source).exists(), source


def test_the_service_starts_the_server() -> None:
    service = _service()
    words = shlex.split(service["ExecStart"])
    served = _served(words[1:])
    assert (served.host, served.port) == ("127.0.0.1", 9880)
    assert served.tokens == "${CREDENTIALS_DIRECTORY}/tokens"
    assert served.memory << 20 <= _bytes(service["MemoryHigh"]) <= _bytes(service["MemoryMax"])
    assert float(service["TimeoutStopSec"]) > served.grace


def test_the_service_is_shut_in() -> None:
    service = _service()
    for option in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome"):
        assert service[option] == "yes", option
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["StateDirectory"] == "myna"


def _service() -> configparser.SectionProxy:
    unit = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "systemd" / "myna.service", encoding="utf-8")
    return unit["Service"]


def _bytes(size: str) -> int:
    return int(size[:-1]) << {"M": 20, "G": 30}[size[-1].upper()]


def test_the_containers_are_shut_in() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML reads it")
    told = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text(encoding="utf-8"))
    for service in told["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["user"] == f"{USER}:{USER}"
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service["volumes"] == [f"home:{HOME}"]
        assert any(mount.startswith("/tmp:") for mount in service["tmpfs"])
        served = _served(service["command"])
        assert served.memory << 20 < _bytes(service["mem_limit"])
        assert served.tokens == "/run/secrets/" + service["secrets"][0]
        assert float(service["stop_grace_period"][:-1]) > served.grace
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_the_environment_of_conda() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML reads it")
    told = yaml.safe_load((DEPLOY / "environment.yml").read_text(encoding="utf-8"))
    pip = next(each["pip"] for each in told["dependencies"] if isinstance(each, dict))
    constraints, package = pip
    assert (DEPLOY / constraints.partition(" ")[2]).is_file()
    assert (DEPLOY / package.partition("[")[0] / "pyproject.toml").is_file()


def test_the_application_of_ray_is_told_what_there_is() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML reads it")
    told = yaml.safe_load((DEPLOY / "ray" / "serve.yaml").read_text(encoding="utf-8"))
    (application,) = told["applications"]
    arguments = application["args"]
    settings = ServerSettings(**arguments["settings"])
    assert (settings.host, settings.port) == (
        told["http_options"]["host"],
        told["http_options"]["port"],
    )
    module, _, builder = application["import_path"].partition(":")
    source = (DEPLOY / "ray" / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    assert f"def {builder}(" in source
    for name in arguments:
        assert re.search(rf"^    {name}: ", source, re.MULTILINE), name


def test_the_chart_is_of_this_version() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML reads it")
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == __version__
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    assert set(values) == set(schema["properties"]) - {"global"}
    for name, group in schema["properties"].items():
        if "properties" in group:
            assert set(group["properties"]) == set(values[name]), name


TOKENS = {"lines": "anna:0123456789abcdef0123456789abcdef"}
CHARTS: dict[str, dict[str, Any]] = {
    "plain": {"tokens": TOKENS},
    "without a volume": {
        "tokens": {"existingSecret": "of-mine"},
        "persistence": {"enabled": False},
        "networkPolicy": {"enabled": False},
    },
    "many": {
        "tokens": {"existingSecret": "of-mine"},
        "persistence": {"accessMode": "ReadWriteMany", "storageClass": "shared"},
        "autoscaling": {"enabled": True},
        "options": {"most_waiting": 128, "log_text": True, "docs": False, "idle_seconds": 0.5},
        "networkPolicy": {"from": [{"namespaceSelector": {}}]},
        "prometheus": True,
    },
}


def _rendered(values: dict[str, Any]) -> dict[str, Any]:
    helm = pytest.importorskip("helm_python", reason="helm-python-sdk renders it")
    yaml = pytest.importorskip("yaml", reason="PyYAML reads it")
    files = helm.Chart.load(str(CHART)).render(values, name="demo", namespace="speech")
    found = [yaml.safe_load(text) for name, text in files.items() if name.endswith(".yaml")]
    return {each["kind"]: each for each in found if each}


@pytest.mark.parametrize("name", CHARTS)
def test_the_chart_renders(name: str) -> None:
    found = _rendered(CHARTS[name])
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert str(pod["securityContext"]["runAsUser"]) == USER
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounts["home"] == HOME
    served = _served(container["args"])
    assert served.tokens == f"{mounts['tokens']}/tokens"
    assert float(pod["terminationGracePeriodSeconds"]) > served.grace
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for selector in (
        found["Service"]["spec"]["selector"],
        found["Deployment"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    secret = next(each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each)
    assert secret == ("demo-myna-tokens" if "Secret" in found else "of-mine")
    values = CHARTS[name]
    assert ("Secret" in found) == ("lines" in values["tokens"])
    assert ("PersistentVolumeClaim" in found) == (name != "without a volume")
    assert ("NetworkPolicy" in found) == (name != "without a volume")
    assert ("HorizontalPodAutoscaler" in found) == (name == "many")
    if name == "many":
        assert (served.most_waiting, served.log_text, served.docs) == (128, True, False)
        assert served.idle_seconds == 0.5
        assert "replicas" not in found["Deployment"]["spec"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "Nobody could be told from anybody"),
        ({"tokens": {"existingSecret": "a", **TOKENS}}, "not both"),
        ({"tokens": TOKENS, "replicas": 2}, "ReadWriteMany"),
        (
            {"tokens": TOKENS, "replicas": 2, "persistence": {"enabled": False}},
            "voices of their own",
        ),
        ({"tokens": TOKENS, "replica": 2}, "replica"),
        ({"tokens": TOKENS, "options": {"host": "::"}}, "host"),
    ],
)
def test_the_chart_refuses(values: dict[str, Any], says: str) -> None:
    helm = pytest.importorskip("helm_python", reason="helm-python-sdk renders it")
    with pytest.raises(helm.HelmError, match=says):
        _rendered(values)


def test_nothing_names_the_machines_it_was_made_on() -> None:
    for path in _files():
        assert not re.search(r"/wor[k]/|/roo[t]/", path.read_text(encoding="utf-8")), path


def _files() -> list[Path]:
    return [
        path for path in DEPLOY.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
