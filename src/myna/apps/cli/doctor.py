"""`myna doctor`: what this machine has, what it lacks, and what to do about it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna import __version__
from myna.apps.cli.console import amount
from myna.files import data_folder

if TYPE_CHECKING:
    from myna.checkpoints.store import ModelFolder

_EXTRAS = {
    "onnx": ("onnxruntime",),
    "torch": ("torch",),
    "zh": ("pypinyin", "jieba"),
    "en": ("wordsegment",),
    "ja": ("jpreprocess", "budoux"),
    "ko": ("python-mecab-ko",),
    "yue": ("ToJyutping",),
}
"""Packages by the extra that brings them."""


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        parents=[common],
        help="say what is missing here",
        description="Say what is here and what is missing. Exit code 0 if this machine can speak.",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Look, and tell: 0 if something here can speak, else 1."""
    found, advice = examine()
    if given.json:
        print(json.dumps({**found, "advice": advice}, indent=2, ensure_ascii=False))
    else:
        for name, value in found.items():
            print(f"{name.replace('_', ' ')}: {_words(value)}")
        for line in advice:
            print(f"- {line}")
    return 0 if found["can_speak"] else 1


def examine() -> tuple[dict[str, Any], list[str]]:
    """What is here, as JSON values, and what to do about what is missing."""
    from myna.checkpoints.store import VOICE_MODEL, installed
    from myna.engines.onnx_sessions import cores

    advice: list[str] = []
    packages = {name: _version(name) for names in _EXTRAS.values() for name in names}
    for extra, names in _EXTRAS.items():
        missing = [name for name in names if packages[name] is None]
        if missing:
            advice.append(f"For {', '.join(missing)}: pip install 'myna[{extra}]'")
    torch = _torch(advice) if packages["torch"] else None
    folder = data_folder()
    models = installed()
    voices = [model for model in models if model.kind == VOICE_MODEL]
    if not voices:
        advice.append("No voice model is installed: myna models get v2ProPlus")
    here = {model.path.name for model in models}
    return {
        "myna": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": cores(),
        "memory": _memory(),
        "packages": {**packages, "soundfile": _soundfile()},
        "torch": torch,
        "data_folder": str(folder),
        "data_size": _size_of(folder),
        "disk_free": shutil.disk_usage(_existing(folder)).free,
        "models": {model.path.name: _model(model, here, advice) for model in voices},
        "can_speak": any(_can_speak(model, packages, torch) for model in voices),
    }, advice


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _torch(advice: list[str]) -> dict[str, Any] | None:
    """Its device, or None if it is installed but broken."""
    try:
        import torch
    except (ImportError, OSError) as error:
        advice.append(f"torch is installed but cannot be loaded ({error}); install it again.")
        return None
    cuda = torch.cuda.is_available()
    return {"cuda": torch.version.cuda, "device": torch.cuda.get_device_name() if cuda else "cpu"}


def _soundfile() -> str:
    import soundfile

    return f"{soundfile.__version__}, {soundfile.__libsndfile_version__}"


def _model(model: ModelFolder, here: set[str], advice: list[str]) -> dict[str, Any]:
    """The encoders a voice model needs, by what they are for, and whether they are here."""
    spec = model.family
    needs = {
        "clone": spec.content_encoder,
        "clone too": spec.speaker_encoder,
        f"read {', '.join(spec.text_encoder_languages)}": spec.text_encoder,
    }
    missing = {name: use for use, name in needs.items() if name is not None and name not in here}
    for name, use in missing.items():
        advice.append(
            f"{model.path.name} cannot {use.removesuffix(' too')}: myna models get {name}"
        )
    return {"family": spec.name, "missing": sorted(missing)}


def _can_speak(model: ModelFolder, packages: Mapping[str, str | None], torch: object) -> bool:
    """Whether an engine that runs it is here."""
    from myna.engines.graphs import have_graphs

    return bool(torch) or bool(packages["onnxruntime"] and have_graphs(model.family))


def _memory() -> int | None:
    """Bytes of memory, where the system tells."""
    if sys.platform == "win32":
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _size_of(folder: Path) -> int:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files)


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _words(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int() if value >= 10_000:
            return amount(value)
        case dict():
            return ", ".join(f"{key} {_words(each)}" for key, each in value.items()) or "none"
        case list():
            return " ".join(map(str, value)) or "nothing"
        case _:
            return str(value)
