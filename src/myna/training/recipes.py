"""Recipes: how both nets of a voice model learn, as files.

A recipe is TOML, read strictly; a run keeps the one it was started with, every value written out.
Those that come with Myna are in the folder beside this module:

- `voice`: a fine-tune on seconds to minutes of one speaker, which `myna train voice` starts from;
- `scratch`: a model from drawn weights, on hours;
- `tiny`: our own small model from drawn weights, without judges, on hours of a few speakers;
- `tiny-judges`: its decoder goes on against judges, from the model that `tiny` made;
- `published`: as the published models were fine-tuned, for comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from myna import config
from myna.checkpoints.recognise import DECODER, TOKEN_MODEL
from myna.datatypes import in_range
from myna.errors import ConfigError
from myna.training.augmentation import AugmentationSettings
from myna.training.decoder_task import DecoderSettings
from myna.training.freezing import FreezeSettings
from myna.training.loop import check_settings
from myna.training.speaker_aware import SpeakerSettings
from myna.training.splits import SplitSettings
from myna.training.task import LoopSettings
from myna.training.token_model_task import TokenModelSettings

PACKAGED = ("voice", "scratch", "published", "tiny", "tiny-judges")
"""Recipes that come with Myna, by name."""

NETS = (TOKEN_MODEL, DECODER)
"""Of a voice model."""

_FOLDER = Path(__file__).with_name("recipes")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenModelRecipe:
    """How the token model learns."""

    loop: LoopSettings = field(default_factory=LoopSettings)
    learning: TokenModelSettings = field(default_factory=TokenModelSettings)

    def __post_init__(self) -> None:
        check_settings(self.loop)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderRecipe:
    """How the decoder learns."""

    loop: LoopSettings = field(default_factory=LoopSettings)
    learning: DecoderSettings = field(default_factory=DecoderSettings)
    speakers: SpeakerSettings = field(default_factory=SpeakerSettings)
    copies: int = 0
    """Of each clip, changed as `augmentation` says, beside the clip itself."""
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)

    def __post_init__(self) -> None:
        check_settings(self.loop)
        in_range("copies", self.copies, 0, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a voice model learns."""

    by_amount: bool = True
    """What may move, dropout, decay and the most steps follow from how much speech there is, see
    `myna.training.freezing` and `myna.training.memorisation`; else all that the settings say."""
    learn: tuple[str, ...] = NETS
    """The nets that are trained; others stay as they are, which a voice does not allow."""
    repeats: Mapping[str, int] = field(default_factory=dict)
    """How often clips of a speaker are trained on in an epoch, by name; once if not named."""
    speaker_clips: int = 0
    """Other clips of the same speaker whose mean is a clip's speaker vector, see
    `myna.training.speaker_vectors`; 0 takes the clip's own."""
    tensorboard: bool = False
    """Also write logs for TensorBoard."""
    freezing: FreezeSettings = field(default_factory=FreezeSettings)
    split: SplitSettings = field(default_factory=SplitSettings)
    token_model: TokenModelRecipe = field(default_factory=TokenModelRecipe)
    decoder: DecoderRecipe = field(default_factory=DecoderRecipe)

    def __post_init__(self) -> None:
        if not self.learn or list(self.learn) != [net for net in NETS if net in self.learn]:
            raise ConfigError(f"learn is {list(self.learn)}; name some of {list(NETS)}, in order.")
        if not all(times >= 1 for times in self.repeats.values()):
            raise ConfigError(f"repeats is {dict(self.repeats)}; each is at least 1.")
        in_range("speaker_clips", self.speaker_clips, 0, 1000)


def read(recipe: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """A recipe by its name in `PACKAGED`, or by its file.

    Args:
        overrides: settings that win, such as `decoder.loop.steps=100`.

    Raises:
        ConfigError: there is none, or a setting is unknown or unfit; the message says which.
    """
    if recipe in PACKAGED:
        return config.read(_FOLDER / f"{recipe}.toml", Recipe, overrides=overrides)
    path = Path(recipe)
    if not path.is_file():
        raise ConfigError(
            f"There is no recipe {str(recipe)!r}: neither a file, nor one of {', '.join(PACKAGED)}."
        )
    return config.read(path, Recipe, overrides=overrides)
