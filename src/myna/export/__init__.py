"""The graphs of a family, for engines without PyTorch.

    python -m myna.export tiny

What is written holds no weights, see `myna.engines.graphs`; so it is made once for a family, and
runs every model of it, fine-tuned ones too.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from myna.engines import graphs
from myna.extras import require
from myna.files import replacing
from myna.specs import FamilySpec, family

if TYPE_CHECKING:
    from myna.export.weightless import Weightless


def export_family(
    name: str,
    out: str | Path | None = None,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write the graphs of a family.

    Args:
        name: of the family.
        out: the folder; by default where engines look for it in the data folder.
        progress: told the name of each graph before it is made.

    Returns:
        The folder.

    Raises:
        ConfigError: there is no such family.
        MissingExtraError: PyTorch or the package `onnx` is not installed.
        OSError: the folder cannot be written.
    """
    spec = family(name)
    require("torch", extra="export", feature="Exporting")
    folder = graphs.exported_folder(name) if out is None else Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for graph, found in _written(spec, progress):
        with replacing(folder / f"{graph}.onnx") as temporary:
            temporary.write_bytes(found.data)
        made[graph] = {
            "sha256": hashlib.sha256(found.data).hexdigest(),
            "weights": list(found.weights),
        }
    facts = {"format": graphs.FORMAT, "family": name, "sizes": graphs.sizes(spec), "graphs": made}
    with replacing(folder / graphs.MANIFEST) as temporary:
        text = json.dumps(facts, indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8", newline="\n")
    return folder


def _written(
    spec: FamilySpec, progress: Callable[[str], None]
) -> Iterator[tuple[str, "Weightless"]]:
    import torch

    from myna.export.fused import fused_step
    from myna.export.plans import plan
    from myna.export.weightless import weightless

    for graph in graphs.names(spec):
        progress(graph)
        with torch.random.fork_rng(devices=()):  # nets draw their first weights
            made = plan(graph, spec)
        found = weightless(
            made.module, made.example, inputs=made.inputs, outputs=made.outputs, axes=made.axes
        )
        yield graph, found
    progress(graphs.STEP_INT8)
    yield graphs.STEP_INT8, fused_step(spec.token_model, quantised=True)
