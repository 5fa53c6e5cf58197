"""Settings for every test, and models of toy size for those that ask."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
# Before torch is imported: threads that wait by spinning take the cores that others need, and a
# run beside other work would take many times as long. Beside other workers, each has one core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# A shell starts what runs in its background deaf to Ctrl-C, and so would be the programs that are
# interrupted here.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

import tables
import toy
from myna.memory import give_back
from myna.specs import ENCODERS, FAMILIES

# Shared machines are slow at times; a slow example is no failure.
settings.register_profile("myna", deadline=None)
settings.load_profile("myna")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """After each file, what it freed goes back to the system: all tests grew to gigabytes."""
    done = yield
    if nextitem is None or nextitem.path != item.path:
        give_back()
    return done


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker has to tell is printed here."""
    tables.add(node.config, getattr(node, "workeroutput", {}).get("rows", []))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for title, rows in tables.added(config).items():
        terminalreporter.section(title)
        for row in rows:
            terminalreporter.write_line(row)


@pytest.fixture(scope="session")
def built_dictionaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dictionaries that take seconds to build, for all data folders of all workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "dictionaries"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def data_folder(
    tmp_path_factory: pytest.TempPathFactory, built_dictionaries: Path
) -> Iterator[None]:
    """One data folder for all tests that do not ask for their own; never the user's."""
    home = tmp_path_factory.mktemp("home")
    (home / "text").symlink_to(built_dictionaries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYNA_HOME", str(home))
        yield


@pytest.fixture(scope="session")
def toy_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the toy models, written once; do not change it."""
    pytest.importorskip("torch")
    models = tmp_path_factory.mktemp("toys") / "models"
    with pytest.MonkeyPatch.context() as patch:
        _register(patch)
        toy.install(models)
    return models


@pytest.fixture
def toy_home(
    toy_models: Path, built_dictionaries: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A data folder of the test's own with the toy models installed; `$MYNA_HOME` names it.

    No model comes with Myna then, so that tests see what they made.
    """
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    for model in toy_models.iterdir():
        (home / "models" / model.name).symlink_to(model)
    (home / "text").symlink_to(built_dictionaries)
    monkeypatch.setenv("MYNA_HOME", str(home))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("myna.checkpoints.store.PACKAGED", tmp_path / "packaged")
    _register(monkeypatch)
    return home


@pytest.fixture(scope="session")
def toy_graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the toys' graphs for ONNX Runtime, made once; do not change it."""
    for package in ("torch", "onnx", "onnxruntime"):
        pytest.importorskip(package)
    from myna.export import export_family

    folder = tmp_path_factory.mktemp("graphs")
    with pytest.MonkeyPatch.context() as patch:
        _register(patch)
        for name in toy.FAMILY_ROWS:
            export_family(name, folder / name)
    return folder


@pytest.fixture
def graphs_home(toy_home: Path, toy_graphs: Path) -> Path:
    """`toy_home` in which the toys have graphs, too."""
    (toy_home / "graphs").symlink_to(toy_graphs)
    return toy_home


def _register(patch: pytest.MonkeyPatch) -> None:
    for name, family in toy.FAMILY_ROWS.items():
        patch.setitem(FAMILIES, name, family)
    for name, encoder in toy.ENCODER_ROWS.items():
        patch.setitem(ENCODERS, name, encoder)
