"""Graphs for ONNX Runtime: the computations of a family, without its weights.

A folder holds one `.onnx` file for each of the names below, and `graphs.json`, which says how big
the networks are that the graphs compute, and which weights each of them reads. The weights stay in
the model folder, so one graph serves every voice model of its family.

A model folder may hold graphs of its own, in `graphs`; see `myna.engines.bundles`. Else those of
families that come with Myna lie in the package, and others, made by `myna.export`, in the data
folder. Where both have a family, the data folder counts.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from myna.errors import CheckpointError, ModelNotFoundError
from myna.files import data_folder, sha256
from myna.specs import ENCODERS, FamilySpec

FORMAT = 1
"""Version of the layout."""
MANIFEST = "graphs.json"

PREFILL, STEP, DECODE = "prefill", "step", "decode"
STEP_INT8 = "step.int8"
"""The same in whole numbers of eight bits; its cache is laid out otherwise, see
`myna.engines.onnx_caches`."""
TIMBRE, SPEAKER, CONTENT, TEXT = "timbre", "speaker", "content", "text"

FLOAT32, FLOAT16, INT8 = "float32", "float16", "int8"
PRECISIONS = (FLOAT32, INT8)
"""Of a step of the token model; all else is computed in single precision."""
EXPORTED = (FLOAT32, FLOAT16, INT8)
"""Of bundles, see `myna.engines.bundles`. float32: weights as they are. float16: weights in half
precision, computed with in single. int8: weights as they are, and steps of the token model in whole
numbers of eight bits."""

TOKEN_MODEL, DECODER = "token_model", "decoder"
CONTENT_ENCODER, SPEAKER_ENCODER = "content_encoder", "speaker_encoder"
TEXT_ENCODER = "text_encoder"
"""Networks, as weights are called after in a graph: `decoder.codebook.weight`."""

FOLDER = "graphs"
"""Of a model folder that holds its graphs."""

_PACKAGED = Path(__file__).parent / "data" / "graphs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """One computation."""

    path: Path
    sha256: str
    weights: tuple[str, ...]
    """Names of the weights that it reads."""

    def check(self) -> None:
        """Compare the file with what was written.

        Raises:
            CheckpointError: it is missing or damaged.
        """
        if not self.path.is_file() or sha256(self.path) != self.sha256:
            raise CheckpointError(
                f"{self.path} is missing or damaged, or of another version than {MANIFEST} beside "
                f"it. Install Myna again, or make the graphs again with `python -m myna.export`."
            )


def names(spec: FamilySpec) -> tuple[str, ...]:
    """The graphs that a family needs."""
    optional = {
        SPEAKER: spec.speaker_encoder,
        CONTENT: spec.content_encoder,
        TEXT: spec.text_encoder,
    }
    return (
        *(PREFILL, STEP, DECODE, TIMBRE),
        *(name for name, encoder in optional.items() if encoder is not None),
    )


def cache_names(layers: int, state: str) -> tuple[str, ...]:
    """What `STEP` calls keys and values of each layer in turn: `past` goes in, `kept` comes out."""
    return tuple(f"{state}.{n}.{what}" for n in range(layers) for what in ("keys", "values"))


def have_graphs(spec: FamilySpec, model: Path | None = None) -> bool:
    """Whether there are graphs of a family, in a model folder or elsewhere."""
    return _folder(spec.name, model) is not None


def open_graphs(
    spec: FamilySpec, model: Path | None = None, *, precision: str = FLOAT32
) -> Mapping[str, Graph]:
    """The graphs of a family, by name.

    Args:
        model: the model folder that is to speak; what it holds counts first.
        precision: one of `PRECISIONS`; which of the two steps is among them.

    Raises:
        ModelNotFoundError: there are none.
        CheckpointError: they are damaged, or of networks of other sizes, or there are none of this
            precision.
    """
    folder = _folder(spec.name, model)
    if folder is None:
        raise ModelNotFoundError(
            f"There are no ONNX graphs of the family {spec.name}. Make them with "
            f"`python -m myna.export {spec.name}`, or speak with engine='torch'."
        )
    path = folder / MANIFEST
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["format"] != FORMAT:
            raise CheckpointError(f"{path} was made by another Myna; export again.")
        if facts["sizes"] != sizes(spec):
            raise CheckpointError(
                f"The graphs in {folder} are of a {spec.name} of other sizes than this version's. "
                f"Make them again with `python -m myna.export {spec.name}`."
            )
        wanted = [STEP_INT8 if (name, precision) == (STEP, INT8) else name for name in names(spec)]
        if STEP_INT8 in wanted and STEP_INT8 not in facts["graphs"]:
            raise CheckpointError(
                f"The graphs in {folder} know no {INT8}. Make them again with "
                f"`python -m myna.export {spec.name}`."
            )
        return {name: _graph(folder, name, facts["graphs"][name]) for name in wanted}
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged ({type(error).__name__}: {error}).") from error


def sizes(spec: FamilySpec) -> str:
    """Identifies all sizes that the graphs of a family depend on: 64 hex digits."""
    decoder: dict[str, Any] = {**asdict(spec.decoder), "discriminator": None}  # only for training
    encoders = (spec.content_encoder, spec.speaker_encoder, spec.text_encoder)
    facts = {
        "token_model": asdict(spec.token_model),
        "decoder": decoder,
        "encoders": [None if name is None else asdict(ENCODERS[name]) for name in encoders],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def exported_folder(family: str) -> Path:
    """Where graphs of a family that does not come with Myna are kept."""
    return data_folder() / "graphs" / family


def _folder(family: str, model: Path | None) -> Path | None:
    own = () if model is None else (model / FOLDER,)
    places = (*own, exported_folder(family), _PACKAGED / family)
    return next((place for place in places if (place / MANIFEST).is_file()), None)


def _graph(folder: Path, name: str, facts: Mapping[str, Any]) -> Graph:
    weights = tuple(facts["weights"])
    if not all(isinstance(weight, str) for weight in weights):
        raise ValueError(f"{name} reads weights without names")
    return Graph(path=folder / f"{name}.onnx", sha256=str(facts["sha256"]), weights=weights)
