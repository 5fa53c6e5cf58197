"""Where the weights come from that the graphs of a model read, by their names in a graph."""

from functools import lru_cache

from myna.audio.filter_maps import filter_maps
from myna.checkpoints.store import ModelFolder, open_model, tensors
from myna.engines import graphs
from myna.engines.base import Floats
from myna.engines.onnx_sessions import Part, Tensors
from myna.specs import FamilySpec, SourceFilterSpec


def part_opener(folder: ModelFolder) -> Part:
    """Opens the tensors of a network of a model, or of an encoder of its family; each once.

    What it returns raises ModelNotFoundError if an encoder is not here, and CheckpointError if a
    file is damaged.
    """
    family = folder.family
    encoders = {
        graphs.CONTENT_ENCODER: family.content_encoder,
        graphs.SPEAKER_ENCODER: family.speaker_encoder,
        graphs.TEXT_ENCODER: family.text_encoder,
    }

    def opened(part: str) -> Tensors:
        if part not in encoders:
            return tensors(folder, part)
        name = encoders[part]
        assert name is not None, "a family without an encoder has no graph that reads its weights"
        return tensors(open_model(name), "weights")

    return lru_cache(maxsize=None)(opened)


def tables_of(spec: FamilySpec, graph: str) -> dict[str, Floats]:
    """What a graph computes with that is in no file of weights."""
    generator = spec.decoder.generator
    if graph != graphs.DECODE or not isinstance(generator, SourceFilterSpec):
        return {}
    maps = filter_maps(generator)
    return {f"{graphs.DECODER}.generator.{name}": table for name, table in maps.items()}
