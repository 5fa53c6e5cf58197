"""The content encoder, from recordings to a model folder, in two stages that stand alone.

    python -m myna.training.content_encoder --recipe recogniser --speech FOLDER --out RUN1
    python -m myna.training.content_encoder --from RUN1/recogniser.safetensors \\
        --speech FOLDER --out RUN2

The first makes a recogniser, which names sounds and lays texts on recordings. The second starts
from it, puts the quantiser in, and teaches the codes with labels that the recogniser lays.

FOLDER has a `NAME.list` for each corpus of the recipe, and the recordings by the paths in it. What
was interrupted goes on with the same command. A run then holds filter banks, labels, checkpoints,
`recogniser.safetensors`, `figures.json` on held-out sentences and, of the second stage, the model
folder.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from myna import config
from myna.checkpoints.store import ModelFolder
from myna.config import as_toml
from myna.engines import recogniser
from myna.errors import ConfigError, TrainingError
from myna.files import replacing, save_json
from myna.nets.content_encoder import ContentEncoder
from myna.specs import ContentEncoderSpec, encoder_spec
from myna.training.content_corpora import Said, examples, labelled
from myna.training.content_examples import Clips, Joined, Together
from myna.training.content_figures import code_use, figures, speakers_told, tokens_of
from myna.training.content_packing import RECOGNISER, begin, packed
from myna.training.content_task import ContentTask
from myna.training.content_variation import VariationSettings
from myna.training.corpora import filter_banks
from myna.training.loop import Progress, check_settings, run
from myna.training.programs import options, seldom
from myna.training.seeding import seeded
from myna.training.splits import sentence_number
from myna.training.state import weights
from myna.training.task import Example, LoopSettings

log = logging.getLogger(__name__)

RECIPES = ("recogniser", "content_encoder")
"""That come with Myna, by name: the two stages."""

_FOLDER = Path(__file__).with_name("recipes")
_KNOWN_CLIPS = 20
"""Of each speaker, that its use of codes is known from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentEncoderRecipe:
    """How a content encoder is made."""

    encoder: str = "tiny-content"
    """Name of its spec."""
    quantised: bool = True
    """Whether it has the quantiser, which its codes come from."""
    corpora: tuple[str, ...]
    """Names of lists; recordings without words are left out."""
    spelled: tuple[str, ...] = ()
    """Corpora whose texts are Mandarin syllables in pinyin."""
    joined: tuple[str, ...] = ()
    """Corpora of single words, whose clips are joined to phrases."""
    words: tuple[int, int] = (1, 6)
    """In a phrase: at least, and at most."""
    passes: int = 8
    """In an epoch; each joins other phrases."""
    longest_seconds: float = 15.5
    """Longer recordings are left out."""
    every: int = 33
    """Sentences whose `sentence_number` it divides are held out."""
    judged: int = 24
    """Held-out clips of each corpus that are judged by while training goes on; figures at its end
    are of all."""
    seed: int = 1234
    early: float = 0.3
    """See `ContentTask`, and `coding`."""
    coding: float = 0.5
    variation: VariationSettings = field(default_factory=VariationSettings)
    loop: LoopSettings = field(default_factory=LoopSettings)

    def __post_init__(self) -> None:
        check_settings(self.loop)
        for name in ("spelled", "joined"):
            if unknown := set(getattr(self, name)) - set(self.corpora):
                raise ConfigError(f"{name} names {sorted(unknown)}, which corpora does not.")
        if not 1 <= self.words[0] <= self.words[1]:
            raise ConfigError(f"words are {self.words}; give a least and a most, from 1.")
        if self.every < 2 or self.passes < 1 or self.judged < 1:
            raise ConfigError(
                f"every is {self.every}, passes {self.passes}, judged {self.judged}; they are at "
                f"least 2, 1 and 1."
            )
        if not 0 <= self.early < 1 or self.coding < 0:
            raise ConfigError(
                f"early is {self.early:g}, coding {self.coding:g}; give 0 to below 1, and 0 at "
                f"least."
            )

    @property
    def spec(self) -> ContentEncoderSpec:
        """Of the encoder, with its quantiser or without."""
        found = encoder_spec(self.encoder, ContentEncoderSpec)
        return found if self.quantised else replace(found, levels=())


@dataclass(frozen=True, slots=True)
class Made:
    """What a run made."""

    recogniser: Path
    figures: Mapping[str, float]
    """On held-out sentences, see `myna.training.content_figures`."""
    folder: ModelFolder | None
    """The content encoder, if it quantises."""


def make(
    recipe: ContentEncoderRecipe,
    speech: Path,
    out: Path,
    *,
    start: Path | None = None,
    device: str = "auto",
    on_progress: Callable[[str], None] = lambda _: None,
) -> Made | None:
    """Train a content encoder, or go on where that stands, and pack what came of it.

    Args:
        speech: folder of lists and recordings.
        out: of this run.
        start: weights to start from, and to lay labels with, as `myna.engines.recogniser.pack`
            wrote them; with a quantiser those in the package by default, without one none.
        on_progress: told now and then what is being done.

    Returns:
        None if the run was interrupted.

    Raises:
        ConfigError: no such encoder.
        DatasetError: a list is missing or damaged.
        AudioError: a recording is missing or damaged.
        ModelNotFoundError: there are no weights to start from.
        CheckpointError: they are damaged, or of an encoder of another size.
        TrainingError: training cannot go on.
    """
    if start is None and recipe.quantised:
        start = recogniser.PACKAGED
    learned, held_out = _clips(recipe, speech, out, start, on_progress)
    with seeded(torch.device("cpu"), recipe.seed, "content encoder"):
        task = ContentTask(recipe.spec, recipe.variation, recipe.early, recipe.coding)
    if start is not None:
        begin(task.encoder, start)
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "recipe.toml") as temporary:
        temporary.write_text(as_toml(recipe), encoding="utf-8", newline="\n")

    def told(progress: Progress) -> None:
        losses = ", ".join(f"{name} {value:.3f}" for name, value in progress.losses.items())
        on_progress(f"step {progress.step} of {progress.steps}: {losses}")

    judged = [said.example for each in held_out.values() for said in each[: recipe.judged]]
    outcome = run(
        task,
        _set(recipe, learned),
        Clips(judged),
        recipe.loop,
        out,
        device=device,
        on_progress=told,
    )
    if outcome.stopped_by == "interrupt":
        return None
    trained = weights(out, "last")
    task.nets.cpu().load_state_dict(trained)
    found = _measured(task, learned, held_out)
    save_json(out / "figures.json", found)
    folder = packed(trained, recipe.spec, out, recipe.encoder, recipe.corpora, found)
    return Made(out / RECOGNISER, found, folder)


_Parts = dict[str, list[Said]]


def _clips(
    recipe: ContentEncoderRecipe,
    speech: Path,
    out: Path,
    start: Path | None,
    on_progress: Callable[[str], None],
) -> tuple[_Parts, _Parts]:
    """By corpus, what is learned from, and what is held out."""
    learned: _Parts = {}
    held_out: _Parts = {}
    for name in recipe.corpora:
        recordings = filter_banks(speech, name, out / "filterbanks", on_progress)
        labels = None
        if recipe.quantised and name not in recipe.joined:
            assert start is not None, "an encoder that quantises starts from a recogniser"
            labels = labelled(
                speech,
                name,
                recordings,
                start,
                out / "labels",
                longest_seconds=recipe.longest_seconds,
                on_progress=on_progress,
            )
        said = examples(
            name,
            recordings,
            spelled=name in recipe.spelled,
            longest_seconds=recipe.longest_seconds,
            labels=labels,
        )
        for each in said:
            kept_back = sentence_number(each.line.text) % recipe.every == 0
            (held_out if kept_back else learned).setdefault(name, []).append(each)
    return learned, held_out


def _set(recipe: ContentEncoderRecipe, learned: _Parts) -> Together:
    """An epoch: all clips once in each pass, and those of single words joined anew in each."""
    whole: list[Example] = []
    words: list[Example] = []
    for name, said in learned.items():
        (words if name in recipe.joined else whole).extend(each.example for each in said)
    if not whole and not words:
        raise TrainingError("No recording of these corpora has words that can be learned from.")
    sets: list[Clips | Joined] = [Clips(whole) for _ in range(recipe.passes)] if whole else []
    if words:
        sets += [Joined(words, recipe.words, number) for number in range(recipe.passes)]
    return Together(sets)


def _measured(task: ContentTask, learned: _Parts, held_out: _Parts) -> dict[str, float]:
    found = figures(
        task, {name: [each.example for each in said] for name, said in held_out.items()}
    )
    if not task.spec.levels or not held_out:
        return found
    asked = {
        name: tokens_of(task.encoder, [each.example for each in said])
        for name, said in held_out.items()
    }
    codes = task.spec.codes
    found |= code_use([clip for clips in asked.values() for clip in clips], codes)
    for name, clips in asked.items():
        known = _by_speaker(task.encoder, learned.get(name, ()))
        speakers = [each.line.speaker for each in held_out[name]]
        if len(known) < 2 or not set(speakers) <= set(known):
            continue
        by_speaker = {
            speaker: [clip for clip, own in zip(clips, speakers, strict=True) if own == speaker]
            for speaker in set(speakers)
        }
        found[f"{name}.speakers_told"] = speakers_told(known, by_speaker, codes)
        found[f"{name}.speakers_by_chance"] = 1 / len(known)
    return found


def _by_speaker(
    encoder: ContentEncoder, said: Sequence[Said]
) -> dict[str, list[NDArray[np.int64]]]:
    clips: dict[str, list[Example]] = {}
    for each in said:
        clips.setdefault(each.line.speaker, []).append(each.example)
    if len(clips) < 2:
        return {}
    return {name: tokens_of(encoder, own[:_KNOWN_CLIPS]) for name, own in clips.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = options("myna.training.content_encoder", "Make the content encoder.")
    parser.add_argument("--from", type=Path, dest="start", help="weights of a recogniser")
    parser.add_argument(
        "--recipe",
        default=RECIPES[1],
        help=f"{', '.join(RECIPES)}, or a TOML file (default: {RECIPES[1]})",
    )
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    source = _FOLDER / f"{given.recipe}.toml" if given.recipe in RECIPES else Path(given.recipe)
    recipe = config.read(source, ContentEncoderRecipe, overrides=given.overrides)
    made = make(
        recipe,
        given.speech,
        given.out,
        start=given.start,
        device=given.device,
        on_progress=seldom(log.info),
    )
    if made is None:
        return 130
    log.info("The recogniser: %s", made.recogniser)
    log.info("On held-out sentences: %s", dict(made.figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
