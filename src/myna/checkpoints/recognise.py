"""Say what a published file is, from its tensors alone, and hand them over under our names.

File names, sizes and first bytes mislead (a re-saved v2Pro file is the size of a v2 one), so they
decide nothing; where the first bytes contradict the tensors, a warning says so. What is accepted is
accepted whole: every name known, every shape exactly that of the family.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna.checkpoints import names, shapes
from myna.checkpoints.legacy import Published
from myna.checkpoints.names import Table
from myna.errors import CheckpointError, UnknownCheckpointError
from myna.specs import ENCODERS, FAMILIES, EcapaSpec

log = logging.getLogger(__name__)

TOKEN_MODEL = "token_model"  # noqa: S105 (a name, not a secret)
DECODER = "decoder"
DISCRIMINATOR = "discriminator"

_PUBLISHED = {name: family for name, family in FAMILIES.items() if family.published}

HEADS = {"03": "v3", "04": "v4", "05": "v2Pro", "06": "v2ProPlus"}
"""What fine-tuning programs write over the first two bytes. Source: the parity kit, section 4.2."""

BASE_MODELS = {
    "dc3c97e17592963677a4a1681f30c653": "v1",
    "6642b37f3dbb1f76882b69937c95a5f3": "v2",
    "c7e9fce2223f3db685cdfa1e6368728a": "v2Pro",
    "66b313e39455b57ab1b0bc0b239c9d0a": "v2ProPlus",
    "43797be674a37c1c83ee81081941ed0f": "v3",
    "4f26b9476d0c5033e04162c486074374": "v4",
}
"""Official decoders by the MD5 of their first 8192 bytes. Source: the parity kit, section 4.2."""

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Recognised:
    """A published file, understood and checked."""

    network: str
    """`token_model`, `decoder`, `discriminator`, or the name of an encoder."""
    families: tuple[str, ...]
    """Families whose network this is; empty for an encoder."""
    tensors: Mapping[str, NDArray[Any]]
    """By our name."""
    source: Published

    @property
    def title(self) -> str:
        """For messages."""
        return _TITLES.get(self.network, f"the encoder {self.network}")


@dataclass(frozen=True, slots=True)
class _Network:
    mark: str
    """A published name that only this network has."""
    table: Table


_NETWORKS = {
    TOKEN_MODEL: _Network("ar_text_embedding.word_embeddings.weight", names.TOKEN_MODEL),
    DECODER: _Network("enc_p.text_embedding.weight", names.DECODER),
    DISCRIMINATOR: _Network("discriminators.0.conv_post.bias", names.DISCRIMINATOR),
    "hubert-base": _Network("feature_extractor.conv_layers.0.conv.weight", names.HUBERT),
    "roberta-large": _Network("embeddings.word_embeddings.weight", names.ROBERTA),
    "eres2netv2": _Network("layer1.0.convs.0.weight", names.ERES2NETV2),
}
_TITLES = {
    TOKEN_MODEL: "a token model (S1, GPT)",
    DECODER: "a decoder (S2, SoVITS)",
    DISCRIMINATOR: "a discriminator (s2D), which only training needs",
}


def recognise(published: Published) -> Recognised:
    """What a published file is, with its tensors by our names.

    Raises:
        UnknownCheckpointError: it is no network of ours, or one that this version does not run.
        CheckpointError: it is one of ours, but parameters are missing, unknown or misshapen.
    """
    _refuse(published)
    network, table = _find(published)
    families = _families(network, published)
    title = f"{network} of {'/'.join(families)}" if families else network
    renamed = _rename(published, table, title)
    expected = _expected(network, families)
    _split_weight_norm(renamed, expected)
    _check(renamed, expected, table, published.path, title)
    _check_values(renamed, published.path)
    if network == DECODER:
        _cross_check(published, families)
    return Recognised(network=network, families=families, tensors=renamed, source=published)


def _refuse(published: Published) -> None:
    """Name what we know but cannot use."""
    tensors, path = published.tensors, published.path
    own_format = published.section in ("model", "state_dict") and len(published.keys) > 1
    reasons = (
        (
            own_format,
            "a state of unfinished training; the weights to speak with are those that training "
            "saved to its weights folder",
        ),
        (
            any("lora_" in name for name in tensors),
            "a LoRA fine-tune of v3 or v4, recognised but not supported yet by this version",
        ),
        (
            any(name.startswith("cfm.") for name in tensors),
            "a decoder of v3 or v4, recognised but not supported yet by this version",
        ),
        (
            "activation_post.act.alpha" in tensors,
            "the vocoder of v3, recognised but not supported yet by this version",
        ),
        (
            {"conv_pre.weight", "conv_post.bias"} <= tensors.keys(),
            "the vocoder of v4, recognised but not supported yet by this version",
        ),
    )
    for found, reason in reasons:
        if found:
            raise UnknownCheckpointError(f"{path} is {reason}.")


def _find(published: Published) -> tuple[str, Table]:
    for name, network in _NETWORKS.items():
        if {network.mark, network.table.prefix + network.mark} & published.tensors.keys():
            return name, network.table
    raise UnknownCheckpointError(
        f"{published.path} holds no model that Myna knows; its tensors are "
        f"{_some(published.tensors)}. Known are token models (S1), decoders (S2) of "
        f"{', '.join(_PUBLISHED)}, and the encoders {', '.join(ENCODERS)}."
    )


def _families(network: str, published: Published) -> tuple[str, ...]:
    """The families with the abilities that the tensors show."""
    if network in ENCODERS:
        return ()
    table = _NETWORKS[network].table
    found = {table.ours(name): tensor.shape for name, tensor in published.tensors.items()}

    def shape(name: str) -> tuple[int, ...]:
        return found.get(name, ())

    if network == TOKEN_MODEL:
        table_shape = shape("phone_embedding.weight")
        seen = {"phones": _at(table_shape, 0), "channels": _at(table_shape, 1)}
        known: dict[str, dict[str, int | None]] = {
            name: {"phones": f.token_model.phones, "channels": f.token_model.width}
            for name, f in _PUBLISHED.items()
        }
    elif network == DISCRIMINATOR:
        judges = {name.split(".")[1] for name in found if name}
        seen = {"periods": len(judges) - 1, "channels": _at(shape("judges.1.last.weight_v"), 1)}
        known = {
            name: {
                "periods": len(f.decoder.discriminator.periods),
                "channels": f.decoder.discriminator.channels[-1],
            }
            for name, f in _PUBLISHED.items()
        }
    else:
        table_shape = shape("prior_encoder.phone_embedding.weight")
        seen = {
            "phones": _at(table_shape, 0),
            "channels": _at(table_shape, 1),
            "reference bins": _at(shape("reference_encoder.spectral.0.weight"), 1),
            "speaker vector": _at(shape("speaker_vector.weight"), 1),
            "generator channels": _at(shape("generator.first.weight"), 0),
        }
        known = {
            name: {
                "phones": f.decoder.phones,
                "channels": f.decoder.hidden,
                "reference bins": f.decoder.reference_bins,
                "speaker vector": f.decoder.speaker_vector,
                "generator channels": f.decoder.generator.channels,
            }
            for name, f in _PUBLISHED.items()
        }
    families = tuple(name for name, row in known.items() if row == seen)
    if not families:
        rows = "; ".join(f"{name}: {_list(row)}" for name, row in known.items())
        raise UnknownCheckpointError(
            f"{published.path} is {_TITLES[network]} of no family we know: it has {_list(seen)}. "
            f"Known are {rows}."
        )
    return families


def _rename(published: Published, table: Table, title: str) -> dict[str, NDArray[Any]]:
    renamed: dict[str, NDArray[Any]] = {}
    for name, tensor in published.tensors.items():
        if table.reason_to_drop(name):
            continue
        ours = table.ours(name)
        if ours is None or ours in renamed:
            problem = "unknown to" if ours is None else "given twice, counting spellings, for"
            raise CheckpointError(f"{published.path} has a parameter {name!r} {problem} {title}.")
        renamed[ours] = tensor
    return renamed


def _expected(network: str, families: tuple[str, ...]) -> shapes.Shapes:
    if network in ENCODERS:
        encoder = ENCODERS[network]
        assert not isinstance(encoder, EcapaSpec), "our own is never in a published file"
        return shapes.encoder(encoder)
    spec = FAMILIES[families[0]]
    if network == TOKEN_MODEL:
        return shapes.token_model(spec.token_model)
    if network == DISCRIMINATOR:
        return shapes.discriminator(spec.decoder.discriminator)
    return shapes.decoder(spec.decoder)


def _split_weight_norm(tensors: dict[str, NDArray[Any]], expected: shapes.Shapes) -> None:
    """Give a file whose weight norm was folded in the two parameters that make the same weight."""
    for name in [name for name in tensors if name.endswith(".weight") and name not in expected]:
        if expected.get(f"{name}_v") == tensors[name].shape:
            weight = tensors.pop(name)
            axes = tuple(range(1, weight.ndim))
            norm = np.sqrt(np.square(weight, dtype=np.float32).sum(axis=axes, keepdims=True))
            tensors[f"{name}_v"] = weight
            tensors[f"{name}_g"] = norm  # stays float32: rounding it would change the weight


def _check(
    tensors: Mapping[str, NDArray[Any]],
    expected: shapes.Shapes,
    table: Table,
    path: Path,
    title: str,
) -> None:
    problems: list[str] = []
    if missing := [name for name in expected if name not in tensors]:
        block = [name for name in expected if shapes.optional(name)]
        if missing != block:
            problems.append(f"lacks {_some(table.published(name) or name for name in missing)}")
    if unknown := [name for name in tensors if name not in expected]:
        problems.append(
            f"has the unknown {_some(table.published(name) or name for name in unknown)}"
        )
    wrong = [
        f"{table.published(name)} of shape {tensors[name].shape} instead of {shape}"
        for name, shape in expected.items()
        if name in tensors and tensors[name].shape != shape
    ]
    if wrong:
        problems.append(f"has {_some(wrong)}")
    if problems:
        raise CheckpointError(f"{path} was taken for {title}, but it {' and '.join(problems)}.")


def _check_values(tensors: Mapping[str, NDArray[Any]], path: Path) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype not in (np.float16, np.float32):
            raise CheckpointError(
                f"{path} has {name} as {tensor.dtype}; expected 16-bit or 32-bit floating point."
            )
        if not np.isfinite(tensor).all():
            raise CheckpointError(
                f"{path} has values in {name} that are no numbers: its training went wrong, "
                f"or it was damaged. Use an earlier epoch, or download it again."
            )


def _cross_check(published: Published, families: tuple[str, ...]) -> None:
    claim = HEADS.get(published.head) or BASE_MODELS.get(published.head_md5)
    if claim is not None and claim not in families:
        log.warning(
            "%s: its first bytes say %s, its tensors are %s; going by the tensors.",
            published.path,
            claim,
            "/".join(families),
        )


def _at(shape: tuple[int, ...], axis: int) -> int | None:
    return shape[axis] if axis < len(shape) else None


def _list(row: Mapping[str, int | None]) -> str:
    return ", ".join(f"{'no' if value is None else value} {key}" for key, value in row.items())


def _some(things: Iterable[str]) -> str:
    listed = list(things)
    more = len(listed) - _MOST_NAMED
    return ", ".join(listed[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
