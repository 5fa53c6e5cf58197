"""What learns in a fine-tune, by how much speech there is: rules as values.

The less speech, the fewer parameters may move, and those that carry the voice rather than the
language come first. A plan is data: groups for `Player.groups`, and adapters (`myna.nets.lora`)
that `apply` puts into the net before the optimiser is made. Groups of a plan never overlap, so
their order says nothing.

Why, part by part, for the decoder:

- `content_downsample` and `codebook` define what a semantic token is; the token model and all sets
  on disk speak that code. They are always frozen (no gradient reaches them in the published
  training either).
- What conditions on the timbre (`generator.condition`, the flow's `condition`s, the head of the
  reference encoder) holds few numbers and says who speaks. It learns even from seconds.
- The late stages of the generator make the sound of a voice: breath, roughness, the highs. They see
  a thousand examples a second, so even a minute does not exhaust them. Early ones are about
  phonemes.
- The flow carries pitch movement and rhythm within a phoneme. It sees 50 frames a second, and a
  minute is enough to bend it, not enough to replace it.
- The posterior encoder measures; while it stands still, flow and generator have a fixed goal. It
  moves only where there is speech enough to move everything.
- The text side (phone embedding, text layers, fusion) knows sounds that a short recording does not
  hold. It is frozen first, and later learns at 0.4 of the rate, as in the published training.

For the token model: under two minutes only adapters of low rank learn, on attention and, from 30 s,
on the maps between. Embeddings and the output map move only with ten minutes or more: a sound that
the speaker did not say would keep its old place while its neighbours leave.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from torch import nn

from myna.errors import ConfigError
from myna.nets import lora
from myna.specs import DecoderSpec, GeneratorSpec, SourceFilterSpec, TokenModelSpec
from myna.training.task import ParameterGroup

TOKEN_MODEL, DECODER = "token_model", "decoder"
"""Names that tasks give the two nets in `Task.nets`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeSettings:
    """Where the rules change. Seconds are of speech, pauses not counted."""

    seconds: tuple[float, float, float] = (30.0, 120.0, 600.0)
    """Below the first little learns; from the last on everything that may."""
    text_scale: float = 0.4
    """Factor on the learning rate of the decoder's text side, where it learns."""
    late_stages: int = 2
    """Last upsampling stages of the generator that learn even where its others do not."""
    ranks: tuple[int, int] = (8, 16)
    """Of the token model's adapters, below the first and below the second limit."""

    def __post_init__(self) -> None:
        if not 0 < self.seconds[0] < self.seconds[1] < self.seconds[2]:
            raise ConfigError(f"seconds are {self.seconds}; they must be above 0 and rise.")
        if not 0 <= self.text_scale <= 1:
            raise ConfigError(f"text_scale is {self.text_scale}; it is from 0 (frozen) to 1.")
        if self.late_stages < 0:
            raise ConfigError(f"late_stages is {self.late_stages}; it is at least 0.")
        if min(self.ranks) < 1:
            raise ConfigError(f"ranks are {self.ranks}; they are at least 1.")

    def level(self, seconds: float) -> int:
        """0 for the least speech, to 3.

        Raises:
            ConfigError: there is no speech.
        """
        if not (math.isfinite(seconds) and seconds > 0):
            raise ConfigError(f"There are {seconds} seconds of speech; training needs some.")
        return sum(seconds >= limit for limit in self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """Arguments of `myna.nets.lora.add`."""

    net: str
    """Of `Task.nets`."""
    targets: tuple[str, ...]
    rank: int
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What learns in one net."""

    groups: tuple[ParameterGroup, ...]
    """For the player that moves the net; each parameter of the net is in one group."""
    adapters: Adapters | None = None
    """Then the rest of the net is frozen by `apply`, and the groups tell the adapters' rate."""


def plan_decoder(
    seconds: float, spec: DecoderSpec, settings: FreezeSettings = FreezeSettings()
) -> Plan:
    """The plan for the decoder `Task.nets["decoder"]`, its posterior encoder included.

    Raises:
        ConfigError: there is no speech.
    """
    level, text = settings.level(seconds), settings.text_scale
    scales = {  # below 30 s, 2 min, 10 min, and more
        "tokens": (0.0, 0.0, 0.0, 0.0),
        "text": (0.0, 0.0, text, text),
        "prior": (0.0, 0.0, 1.0, 1.0),
        "posterior": (0.0, 0.0, 0.0, 1.0),
        "early": (0.0, 0.0, 1.0, 1.0),
        "flow": (0.0, 1.0, 1.0, 1.0),
        "timbre": (0.0, 1.0, 1.0, 1.0),
        "late": (1.0, 1.0, 1.0, 1.0),
        "condition": (1.0, 1.0, 1.0, 1.0),
    }
    parts = _decoder_parts(spec, settings.late_stages)
    return Plan(groups=_groups(DECODER, parts, {part: of[level] for part, of in scales.items()}))


def plan_token_model(
    seconds: float, spec: TokenModelSpec, settings: FreezeSettings = FreezeSettings()
) -> Plan:
    """The plan for the token model `Task.nets["token_model"]`.

    Raises:
        ConfigError: there is no speech.
    """
    level = settings.level(seconds)
    if level < 2:
        # Wider than its inputs, an adapter would save nothing.
        rank = min(settings.ranks[level], spec.width)
        targets: tuple[str, ...] = (r"attention\.qkv", r"attention\.out")
        if level == 1:
            targets += (r"feedforward\.[02]",)
        return Plan(
            groups=(ParameterGroup(prefixes=(f"{TOKEN_MODEL}.",)),),
            adapters=Adapters(net=TOKEN_MODEL, targets=targets, rank=rank, alpha=float(rank)),
        )
    parts = {
        "layers": ("layers.",),
        "edges": (
            *("text_features.", "phone_embedding.", "phone_positions."),
            *("token_embedding.", "token_positions.", "head."),
        ),
    }
    return Plan(
        groups=_groups(TOKEN_MODEL, parts, {"layers": 1.0, "edges": 0.0 if level == 2 else 1.0})
    )


def apply(plan: Plan, nets: nn.ModuleDict, *, seed: int = 0) -> tuple[str, ...]:
    """Put the plan's adapters into `nets`, in place; before the optimiser is made.

    Returns:
        Names of the adapted layers, in `nets`; none where the plan has no adapters.

    Raises:
        ConfigError: as `myna.nets.lora.add`.
    """
    if plan.adapters is None:
        return ()
    wanted = plan.adapters
    names = lora.add(
        nets[wanted.net], wanted.targets, rank=wanted.rank, alpha=wanted.alpha, seed=seed
    )
    return tuple(f"{wanted.net}.{name}" for name in names)


def _groups(
    net: str, parts: Mapping[str, Iterable[str]], scales: Mapping[str, float]
) -> tuple[ParameterGroup, ...]:
    """One group for each scale, the fastest first."""
    by_scale: dict[float, list[str]] = {}
    for part, prefixes in parts.items():
        by_scale.setdefault(scales[part], []).extend(f"{net}.{prefix}" for prefix in prefixes)
    return tuple(
        ParameterGroup(prefixes=tuple(prefixes), scale=scale)
        for scale, prefixes in sorted(by_scale.items(), reverse=True)
    )


def _decoder_parts(spec: DecoderSpec, late_stages: int) -> dict[str, list[str]]:
    """Prefixes of the decoder's parameters, by what they are for; together all of them, once."""
    flows = [f"flow.{number}." for number in range(spec.flows)]
    stage_names, last = _generator_parts(spec.generator)
    first_late = max(0, len(stage_names) - late_stages)
    parts = {
        "tokens": ["content_downsample.", "codebook."],
        "text": [f"prior_encoder.{name}." for name in ("phone_embedding", "text_layers", "fusion")],
        "prior": [
            f"prior_encoder.{name}."
            for name in ("content_in", "content_layers", "joint_layers", "head")
        ],
        "posterior": ["posterior_encoder."] if spec.posterior_layers else [],
        "early": ["generator.first.", *chain.from_iterable(stage_names[:first_late])],
        "flow": [
            f"{flow}{name}."
            for flow in flows
            for name in ("first", "last", "wavenet.filters", "wavenet.outputs")
        ],
        "timbre": [f"reference_encoder.{name}." for name in ("spectral", "temporal", "attention")],
        "late": [*last, *chain.from_iterable(stage_names[first_late:])],
        "condition": [
            "reference_encoder.head.",
            "generator.condition.",
            *(f"{flow}wavenet.condition." for flow in flows),
        ],
    }
    if spec.speaker_vector is not None:
        parts["timbre"] += ["speaker_vector."]
        parts["condition"] += ["timbre_activation.", "timbre_to_prior."]
    if spec.band_limited:
        parts["condition"] += ["band."]
    return parts


def _generator_parts(spec: GeneratorSpec | SourceFilterSpec) -> tuple[list[list[str]], list[str]]:
    """Prefixes of each stage of a generator, and of what comes after the last one."""
    if isinstance(spec, SourceFilterSpec):
        stages = [[f"generator.blocks.{number}."] for number in range(spec.layers)]
        return stages, [f"generator.{name}." for name in ("norm", "pitch", "filters")]
    blocks = len(spec.resblock_kernels)
    stages = [
        [f"generator.upsamples.{stage}."]
        + [f"generator.resblocks.{stage * blocks + block}." for block in range(blocks)]
        for stage in range(len(spec.rates))
    ]
    return stages, ["generator.last."]
