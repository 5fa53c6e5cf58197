"""Our recogniser, from recordings to weights.

    python -m myna.training.recogniser --speech FOLDER --out RUN

FOLDER has a `NAME.list` for each corpus of the recipe, and the recordings by the paths in it. What
was interrupted goes on with the same command. RUN then holds filter banks, checkpoints,
`recogniser.safetensors`, and `figures.json` on held-out sentences.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from myna import config
from myna.config import as_toml
from myna.engines.recogniser import pack
from myna.errors import ConfigError, TrainingError
from myna.files import replacing, save_json
from myna.specs import RECOGNISER
from myna.training.corpora import filter_banks
from myna.training.evaluating import evaluating
from myna.training.loop import Progress, check_settings, run
from myna.training.programs import ended, options, seldom
from myna.training.recogniser_corpora import examples
from myna.training.recogniser_examples import Clips, Joined, Together
from myna.training.recogniser_task import RecogniserTask
from myna.training.recogniser_variation import VariationSettings
from myna.training.seeding import seeded
from myna.training.splits import sentence_number
from myna.training.state import weights
from myna.training.task import Example, LoopSettings

log = logging.getLogger(__name__)

RECIPE = Path(__file__).with_name("recipes") / "recogniser.toml"
"""Of the packaged weights."""
_TOGETHER = 8
"""Held-out clips heard at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecogniserRecipe:
    """How the recogniser is made."""

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
    """See `RecogniserTask`."""
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
        if not 0 <= self.early < 1:
            raise ConfigError(f"early is {self.early:g}; give 0 to below 1.")


@dataclass(frozen=True, slots=True)
class Made:
    """What a run made."""

    weights: Path
    """As `myna.engines.recogniser.Recogniser.load` reads them."""
    figures: Mapping[str, float]
    """On held-out sentences, by `CORPUS.sounds_wrong`: sounds to change, drop or add in what is
    heard, over sounds of the texts."""


def make(
    recipe: RecogniserRecipe,
    speech: Path,
    out: Path,
    *,
    device: str = "auto",
    on_progress: Callable[[str], None] = lambda _: None,
) -> Made | None:
    """Train a recogniser, or go on where that stands, and pack what came of it.

    Args:
        speech: folder of lists and recordings.
        out: of this run.
        on_progress: told now and then what is being done.

    Returns:
        None if the run was interrupted.

    Raises:
        DatasetError: a list is missing or damaged.
        AudioError: a recording is missing or damaged.
        TrainingError: training cannot go on.
    """
    learned, held_out = _clips(recipe, speech, out, on_progress)
    with seeded(torch.device("cpu"), recipe.seed, "recogniser"):
        task = RecogniserTask(RECOGNISER, recipe.variation, recipe.early)
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "recipe.toml") as temporary:
        temporary.write_text(as_toml(recipe), encoding="utf-8", newline="\n")

    def told(progress: Progress) -> None:
        losses = ", ".join(f"{name} {value:.3f}" for name, value in progress.losses.items())
        on_progress(f"step {progress.step} of {progress.steps}: {losses}")

    outcome = run(
        task,
        _set(recipe, learned),
        Clips([each for clips in held_out.values() for each in clips[: recipe.judged]]),
        recipe.loop,
        out,
        device=device,
        on_progress=told,
    )
    if outcome.stopped_by == "interrupt":
        return None
    task.nets.cpu().load_state_dict(weights(out, "last"))
    figures = {f"{name}.sounds_wrong": _wrong(task, clips) for name, clips in held_out.items()}
    save_json(out / "figures.json", figures)
    packed = out / "recogniser.safetensors"
    pack(task.net.state_dict(), task.spec, packed)
    return Made(packed, figures)


_Parts = dict[str, list[Example]]


def _clips(
    recipe: RecogniserRecipe, speech: Path, out: Path, on_progress: Callable[[str], None]
) -> tuple[_Parts, _Parts]:
    """By corpus, what is learned from, and what is held out."""
    learned: _Parts = {}
    held_out: _Parts = {}
    for name in recipe.corpora:
        said = examples(
            name,
            filter_banks(speech, name, out / "filterbanks", on_progress),
            spelled=name in recipe.spelled,
            longest_seconds=recipe.longest_seconds,
        )
        for each in said:
            kept_back = sentence_number(each.line.text) % recipe.every == 0
            (held_out if kept_back else learned).setdefault(name, []).append(each.example)
    return learned, held_out


def _set(recipe: RecogniserRecipe, learned: _Parts) -> Together:
    """An epoch: all clips once in each pass, and those of single words joined anew in each."""
    whole: list[Example] = []
    words: list[Example] = []
    for name, clips in learned.items():
        (words if name in recipe.joined else whole).extend(clips)
    if not whole and not words:
        raise TrainingError("No recording of these corpora has words that can be learned from.")
    sets: list[Clips | Joined] = [Clips(whole) for _ in range(recipe.passes)] if whole else []
    if words:
        sets += [Joined(words, recipe.words, number) for number in range(recipe.passes)]
    return Together(sets)


def _wrong(task: RecogniserTask, clips: Sequence[Example]) -> float:
    """Share of the sounds of clips."""
    ordered = sorted(clips, key=lambda clip: len(clip["bands"]))
    errors = sounds = 0.0
    with evaluating(task.nets):
        for start in range(0, len(ordered), _TOGETHER):
            batch = task.collate(ordered[start : start + _TOGETHER])
            errors += float(task.evaluate(batch)["errors"])
            sounds += task.denominators(batch)["errors"]
    return errors / sounds


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = options("myna.training.recogniser", "Make the recogniser.")
    parser.add_argument("--recipe", type=Path, default=RECIPE, help="a TOML file of settings")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    recipe = config.read(given.recipe, RecogniserRecipe, overrides=given.overrides)
    made = make(
        recipe,
        given.speech,
        given.out,
        device=given.device,
        on_progress=seldom(log.info),
    )
    if made is None:
        return 130
    log.info("The recogniser: %s", made.weights)
    log.info("On held-out sentences: %s", dict(made.figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(ended(main))
