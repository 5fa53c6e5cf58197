"""The proxy of MOS gives what the package it comes from gives."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from myna.datatypes import Audio
from myna.evaluation.mos import RATE, Listener, parts


@pytest.fixture(scope="module")
def theirs() -> Any:
    """Their module, whose second score alone needs librosa and gets zeros here."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("speechmos")
    librosa: Any = ModuleType("librosa")
    librosa.feature = SimpleNamespace(melspectrogram=lambda **_: np.zeros((120, 900)))
    librosa.power_to_db = lambda mel, **_: mel
    requests: Any = ModuleType("requests")
    requests.session = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "librosa", librosa)
        patch.setitem(sys.modules, "requests", requests)
        from speechmos import dnsmos

        patch.delitem(sys.modules, "speechmos.dnsmos")
    return dnsmos


@pytest.fixture(scope="module")
def listener(theirs: Any) -> Listener:
    return Listener()


@pytest.mark.parametrize("seconds", [2.5, 11.0])
def test_as_theirs(seconds: float, listener: Listener, theirs: Any) -> None:
    random = np.random.default_rng(round(seconds * 10))
    count = round(seconds * RATE)
    tone = np.sin(np.arange(count) * 0.05) * np.sin(np.arange(count) * 0.0007)
    samples = (0.2 * tone + 0.02 * random.normal(size=count)).astype(np.float32)
    ours, known = listener.opinion(Audio(samples, RATE)), theirs.run(samples, RATE)
    assert ours.overall == pytest.approx(known["ovrl_mos"], abs=1e-6)
    assert ours.speech == pytest.approx(known["sig_mos"], abs=1e-6)
    assert ours.background == pytest.approx(known["bak_mos"], abs=1e-6)


def test_parts() -> None:
    assert [len(part) for part in parts(np.zeros(1, np.float32))] == [144160] * 7
    ramp = np.arange(RATE * 11, dtype=np.float32)
    assert [float(part[0]) for part in parts(ramp)] == [0.0, 16000.0]
    assert len(parts(np.zeros(RATE * 20, np.float32))) == 7
