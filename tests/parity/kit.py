"""Where the recorded numbers live, and how they are compared.

The kit is data beside a development checkout; elsewhere these tests skip and say why. A difference
is the largest absolute difference over the largest absolute value of the recorded array.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

KIT = Path(
    os.environ.get("MYNA_PARITY_KIT", Path(__file__).resolve().parents[3] / "shared" / "parity")
)

NETWORK = 5e-5
"""Limit for network outputs, from the kit's README."""
WAVEFORM = 2e-4
"""Limit for waveforms, from the kit's README."""
PCM = 3
"""Limit for int16 samples, in steps."""

differences: dict[str, float] = {}
"""Largest difference seen per golden, printed as a table at the end of the run."""

identical: dict[str, tuple[int, int]] = {}
"""Rows compared and rows identical per recorded file of text, printed likewise."""


def needs_kit() -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not KIT.is_dir(), reason=f"the parity kit is not at {KIT}; set MYNA_PARITY_KIT"
    )


def golden(name: str) -> dict[str, np.ndarray]:
    """All arrays of `goldens/<name>.npz`."""
    with np.load(KIT / "goldens" / f"{name}.npz", allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


@cache
def _weights() -> Any:
    spec = importlib.util.spec_from_file_location("parity_weights", KIT / "weights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def uniform(name: str, shape: tuple[int, ...], mean: float = 0.0, std: float = 1.0) -> np.ndarray:
    """A recorded input, regenerated from its name."""
    array: np.ndarray = _weights().uniform(name, shape, mean, std)
    return array


def integers(name: str, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """A recorded integer input, regenerated from its name."""
    array: np.ndarray = _weights().integers(name, shape, low, high)
    return array


def state(manifest: str, keys: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Synthetic weights of a network, by published name; all of them, or only `keys`."""
    path = KIT / "manifests" / f"{manifest}.json"
    tensors: dict[str, np.ndarray] = _weights().load_state(path, keys)
    return tensors


def manifest(name: str) -> dict[str, Any]:
    """Published tensor names, with shape and dtype."""
    import json

    text = (KIT / "manifests" / f"{name}.json").read_text(encoding="utf-8")
    tensors: dict[str, Any] = json.loads(text)["tensors"]
    return tensors


def signal(name: str) -> np.ndarray:
    """A recorded test signal as float32 in [-1, 1]."""
    with np.load(KIT / "goldens" / "signals.npz", allow_pickle=False) as archive:
        return (archive[name] / 32768.0).astype(np.float32)


def difference(ours: Any, recorded: np.ndarray) -> float:
    """Largest absolute difference over the largest absolute recorded value."""
    ours = np.asarray(ours, dtype=np.float64)
    assert ours.shape == recorded.shape, f"shape {ours.shape}, recorded {recorded.shape}"
    assert np.isfinite(ours).all()
    scale = max(float(np.abs(recorded).max()), 1e-30)
    return float(np.abs(ours - recorded).max()) / scale


def close(golden_name: str, point: str, ours: Any, recorded: np.ndarray, limit: float) -> None:
    """Assert that a recorded point is met, and remember the difference for the table."""
    found = difference(ours, recorded)
    differences[golden_name] = max(differences.get(golden_name, 0.0), found)
    assert found <= limit, f"{golden_name} {point}: difference {found:.2e}, limit {limit:.0e}"
