"""Lines said on Ray are the lines said here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from myna.apps.batch.on_ray import on_ray
from myna.apps.batch.producing import Product, prepare, produce
from myna.apps.batch.running import Crew, here
from myna.apps.batch.settings import BatchSettings, Equipment
from myna.datatypes import Guard
from myna.errors import MissingExtraError, ModelNotFoundError

EQUIPMENT = Equipment()


def test_without_ray_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"myna\[ray\]"):
        on_ray(EQUIPMENT, 1)


def batch(folder: Path, out: str, crew: Crew, *lines: dict[str, object]) -> Product:
    script = folder / f"{out}.jsonl"
    script.write_text("".join(json.dumps(line) + "\n" for line in lines))
    plan = prepare(script, BatchSettings(guard=Guard(check=False)), EQUIPMENT)
    assert not plan.faults
    return produce(plan, folder / out, crew)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_lines_are_as_said_here_and_what_is_everybodys_error_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    lines = [{"text": "One."}, {"text": "Two.", "voice": "slt"}, {"text": "Three.", "seed": 3}]
    near = batch(tmp_path, "near", here(EQUIPMENT), *lines)
    far = batch(tmp_path, "far", on_ray(EQUIPMENT, 2), *lines)
    assert [row.sha256 for row in far.outcome.rows] == [row.sha256 for row in near.outcome.rows]
    assert batch(tmp_path, "far", on_ray(EQUIPMENT, 2), *lines).outcome.kept == 3
    wrong = on_ray(Equipment(polyphones=tmp_path / "none"), 1)
    with pytest.raises(ModelNotFoundError):
        batch(tmp_path, "wrong", wrong, *lines)
