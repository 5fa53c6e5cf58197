"""The speaker encoder, from recordings to a model folder.

    python -m myna.training.speaker_encoder --speech FOLDER --out RUN

FOLDER has a `NAME.list` for each corpus of the recipe, and the recordings by the paths in it. What
was interrupted goes on with the same command. RUN then holds filter banks, checkpoints, and the
model folder, with `figures.json` on held-out speakers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

import myna
from myna import config
from myna.checkpoints import store
from myna.checkpoints.store import ModelFolder
from myna.config import as_toml
from myna.errors import ConfigError, TrainingError
from myna.files import replacing, save_json
from myna.nets.ecapa import Ecapa
from myna.specs import EcapaSpec, encoder_spec
from myna.training.corpora import filter_banks
from myna.training.loop import Progress, check_settings, run
from myna.training.programs import ended, options, seldom
from myna.training.seeding import seeded
from myna.training.speaker_examples import Stretches, Trials, apart
from myna.training.speaker_separation import Separation, separation
from myna.training.speaker_task import SpeakerTask, SpeakerTaskSettings
from myna.training.state import weights
from myna.training.task import LoopSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Clips = dict[str, list[NDArray[np.float16]]]

log = logging.getLogger(__name__)

RECIPE = Path(__file__).with_name("recipes") / "speaker_encoder.toml"
"""Of the packaged weights, but for their number of steps, which their `model.json` says."""
_MOST_PIECES = 12
"""Of a held-out speaker, in the figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerEncoderRecipe:
    """How the speaker encoder is made."""

    encoder: str = "tiny-speaker"
    """Name of its spec."""
    corpora: tuple[str, ...]
    """Names of lists."""
    held_out: Mapping[str, int]
    """Speakers that are not learned from, by corpus; at least two of each named here."""
    speeds: tuple[float, ...] = (1.0,)
    """At each, a speaker is another one."""
    each: int = 60
    """Stretches of every speaker at every speed, in an epoch."""
    seconds: float = 3.0
    """Of a stretch."""
    trials: int = 10
    """Per held-out speaker."""
    trial_seconds: float = 2.5
    seed: int = 1
    task: SpeakerTaskSettings = field(default_factory=SpeakerTaskSettings)
    loop: LoopSettings = field(default_factory=LoopSettings)

    def __post_init__(self) -> None:
        check_settings(self.loop)
        if not self.speeds or not all(0.5 <= speed <= 2.0 for speed in self.speeds):
            raise ConfigError(f"speeds are {self.speeds}; there is one at least, from 0.5 to 2.")
        if self.each < 1 or self.trials < 1:
            raise ConfigError(f"each is {self.each}, trials {self.trials}; both are at least 1.")
        if min(self.seconds, self.trial_seconds) < 0.5:
            raise ConfigError(
                f"seconds is {self.seconds:g}, trial_seconds {self.trial_seconds:g}; both are at "
                f"least 0.5."
            )
        if unknown := set(self.held_out) - set(self.corpora):
            raise ConfigError(f"held_out names {sorted(unknown)}, which corpora does not.")


def make(
    recipe: SpeakerEncoderRecipe,
    speech: Path,
    out: Path,
    *,
    device: str = "auto",
    on_progress: Callable[[str], None] = lambda _: None,
) -> ModelFolder | None:
    """Train a speaker encoder, or go on where that stands, and write it as a model folder.

    Args:
        speech: folder of lists and recordings.
        out: of this run; `out / recipe.encoder` becomes the model folder.
        on_progress: told now and then what is being done.

    Returns:
        The model folder, or None if the run was interrupted.

    Raises:
        ConfigError: no such encoder.
        DatasetError: a list is missing or damaged.
        AudioError: a recording is missing or damaged.
        TrainingError: there are too few speakers, or training cannot go on.
        CheckpointError: the model folder cannot be written.
    """
    learned, held_out = _speakers(recipe, speech, out / "filterbanks", on_progress)
    examples = Stretches(
        learned,
        speeds=recipe.speeds,
        each=recipe.each,
        frames=round(100 * recipe.seconds),
        seed=recipe.seed,
    )
    trial = round(100 * recipe.trial_seconds)
    trials = Trials(held_out, each=recipe.trials, frames=trial, seed=recipe.seed)
    spec = encoder_spec(recipe.encoder, EcapaSpec)
    with seeded(torch.device("cpu"), recipe.seed, "speaker encoder"):
        task = SpeakerTask(spec, examples.speakers, recipe.task)
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "recipe.toml") as temporary:
        temporary.write_text(as_toml(recipe), encoding="utf-8", newline="\n")

    def told(progress: Progress) -> None:
        losses = ", ".join(f"{name} {value:.3f}" for name, value in progress.losses.items())
        on_progress(f"step {progress.step} of {progress.steps}: {losses}")

    outcome = run(task, examples, trials, recipe.loop, out, device=device, on_progress=told)
    if outcome.stopped_by == "interrupt":
        return None
    steps = outcome.best_step if held_out else outcome.steps
    return _packed(recipe, spec, out, held_out, steps)


def figures(encoder: Ecapa, held_out: Sequence[Clips], frames: int) -> Separation:
    """How well an encoder tells held-out speakers apart, within each group, by such stretches."""
    pieces, speakers, groups = [], [], []
    for group, clips in enumerate(held_out):
        for name in sorted(clips):
            found = apart(name, clips[name], frames)[:_MOST_PIECES]
            pieces += found
            speakers += [f"{group} {name}"] * len(found)
            groups += [str(group)] * len(found)
    with torch.inference_mode():
        vectors = [encoder(torch.from_numpy(piece.astype(np.float32))[None]) for piece in pieces]
    return separation(torch.cat(vectors).numpy(), speakers, groups)


def _speakers(
    recipe: SpeakerEncoderRecipe, speech: Path, cache: Path, on_progress: Callable[[str], None]
) -> tuple[Clips, list[Clips]]:
    """Clips of who is learned from, and, by corpus, of who is held out."""
    learned: Clips = {}
    held_out: list[Clips] = []
    for corpus in recipe.corpora:
        clips: Clips = {}
        for heard in filter_banks(speech, corpus, cache, on_progress):
            clips.setdefault(f"{corpus} {heard.line.speaker}", []).append(heard.bands)
        if count := recipe.held_out.get(corpus, 0):
            held_out.append({name: clips.pop(name) for name in _chosen(recipe, clips, count)})
        learned |= clips
    return learned, held_out


def _chosen(recipe: SpeakerEncoderRecipe, clips: Clips, count: int) -> list[str]:
    """Speakers to hold out, among those with speech for four stretches of a trial."""
    least = round(400 * recipe.trial_seconds)
    able = [name for name in sorted(clips) if sum(map(len, clips[name])) >= least]
    if len(able) < count:
        raise TrainingError(
            f"{count} speakers are to be held out of a corpus that has {len(able)} with "
            f"{least / 100:g} s of speech; hold out fewer, or shorten trial_seconds."
        )
    order = np.random.default_rng(recipe.seed).permutation(len(able))[:count]
    return [able[place] for place in order]


def _packed(
    recipe: SpeakerEncoderRecipe,
    spec: EcapaSpec,
    out: Path,
    held_out: list[Clips],
    steps: int | None,
) -> ModelFolder:
    which = "best" if held_out else "last"
    tensors = {
        name.removeprefix("encoder."): tensor.half() if tensor.ndim > 1 else tensor
        for name, tensor in weights(out, which).items()
        if name.startswith("encoder.")
    }
    encoder = Ecapa(spec)
    encoder.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    found = None
    if held_out:
        found = asdict(figures(encoder.eval(), held_out, round(100 * recipe.trial_seconds)))
        save_json(out / "figures.json", found)
        log.info("On held-out speakers: %s", found)
    return store.write(
        out / recipe.encoder,
        kind=store.ENCODER,
        spec=recipe.encoder,
        name=recipe.encoder,
        parts={"weights": {name: tensor.numpy() for name, tensor in tensors.items()}},
        provenance={
            "sources": list(recipe.corpora),
            "steps": steps,
            "held_out": found,
            "myna": myna.__version__,
        },
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = options("myna.training.speaker_encoder", "Make the speaker encoder.")
    parser.add_argument("--recipe", type=Path, default=RECIPE, help="a TOML file of settings")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    recipe = config.read(given.recipe, SpeakerEncoderRecipe, overrides=given.overrides)
    made = make(
        recipe,
        given.speech,
        given.out,
        device=given.device,
        on_progress=seldom(log.info),
    )
    return 0 if made else 130


if __name__ == "__main__":
    raise SystemExit(ended(main))
