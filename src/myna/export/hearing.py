"""`python -m myna.export.hearing [FOLDER]`: make the graph of our recogniser, without its weights.

By default it is put where `myna.engines.hearing` looks for it, in the package.
"""

import hashlib
import sys
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from myna.engines.hearing import GRAPH, GRAPHS, MANIFEST
from myna.export.weightless import weightless
from myna.files import replacing, save_json
from myna.nets.conformer import Conformer
from myna.specs import RECOGNISER

_FRAMES = 41


class Hear(nn.Module):
    """A filter bank to sounds."""

    def __init__(self, recogniser: Conformer) -> None:
        super().__init__()
        self.recogniser = recogniser

    def forward(self, bands: Tensor) -> Tensor:
        """(F, K) -> (S, Y)."""
        # A length that is read from a shape would be that of the example.
        frames = torch.ones_like(bands[:, 0]).sum().long()[None]
        sounds: Tensor = self.recogniser(bands[None], frames).sounds[0]
        return sounds


def export_hearing(folder: Path = GRAPHS) -> Path:
    """Write the graph, and what is known of it.

    Raises:
        MissingExtraError: the package `onnx` is not installed.
        OSError: the folder cannot be written.
    """
    with torch.random.fork_rng(devices=()):  # nets draw their first weights
        module = Hear(Conformer(RECOGNISER)).eval()
    found = weightless(
        module,
        (torch.rand(_FRAMES, RECOGNISER.bands),),
        inputs=("bands",),
        outputs=("sounds",),
        axes={"bands": {0: "F"}, "sounds": {0: "S"}},
    )
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / GRAPH) as temporary:
        temporary.write_bytes(found.data)
    facts = {
        "sha256": hashlib.sha256(found.data).hexdigest(),
        "weights": list(found.weights),
        "spec": asdict(RECOGNISER),
    }
    save_json(folder / MANIFEST, facts)
    return folder


if __name__ == "__main__":
    sys.stdout.write(f"{export_hearing(*map(Path, sys.argv[1:2]))}\n")
