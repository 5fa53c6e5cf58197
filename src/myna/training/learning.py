"""Both nets of a voice model, ready to learn: with weights, data and a recipe resolved for how much
speech there is.

Making them starts nothing. What they are is a function of the base model, the features and the
recipe, so a run that goes on makes the same ones again.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from myna.checkpoints.recognise import DECODER, DISCRIMINATOR, TOKEN_MODEL
from myna.checkpoints.store import ModelFolder
from myna.dataset.features import FeatureSet
from myna.datatypes import Audio
from myna.errors import ConfigError
from myna.nets import lora
from myna.specs import DecoderSpec, FamilySpec, SourceFilterSpec
from myna.training import decoder_batches, decoder_task, freezing, token_model_task
from myna.training.augmentation import AugmentationSettings, augment
from myna.training.decoder_task import DecoderTask
from myna.training.memorisation import Advice, advice
from myna.training.recipes import Recipe
from myna.training.speaker_aware import SpeakerAwareTask
from myna.training.speaker_vectors import of_others
from myna.training.splits import split
from myna.training.state import weights
from myna.training.task import Draws, Example, LoopSettings, ParameterGroup, Task
from myna.training.token_model_task import TokenModelTask

_PCM_SCALE = 32768.0

_SPELLS_AS_IT_IS = 600.0
"""Seconds of speech below which a token model that spells is left alone. Who speaks is told by the
speaker vector. Adapters that learnt from a minute took three of ten minutes and changed nothing
that was measured: of four strangers to `tiny` 24 % of words were wrong with them and 25 % without
(24 sentences each), similarity was 0.77 and 0.77.
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some of a set's features; fulfils `Examples` of `myna.training.task`."""

    features: FeatureSet
    indices: tuple[int, ...]
    """One that is here again has a key of its own."""
    lengths: tuple[int, ...]
    """In the unit of the task they are for."""
    speakers: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """Speaker vectors (V,) by clip id, that take the place of the clips' own."""

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Example:
        example = self.features[self.indices[index]]
        before = self.indices[:index].count(self.indices[index])
        changed = {"key": f"{example['key']}~{before}"} if before else {}
        if (vector := self.speakers.get(example["key"])) is None:
            return {**example, **changed}
        told: dict[str, Any] = {"speaker": vector}
        if self.features.speaker_aware:
            told["text_features"] = np.repeat(vector[None], len(example["phones"]), axis=0)
        return {**example, **changed, **told}


@dataclass(frozen=True, slots=True)
class Varied:
    """Examples as recorded, and copies of them changed as drawn; fulfils `Examples`.

    The copies keep their tokens and words: what is changed is how they sound. A copy is the same
    whenever it is asked for.
    """

    chosen: Chosen
    copies: int
    settings: AugmentationSettings
    seed: int

    @property
    def lengths(self) -> tuple[int, ...]:
        return self.chosen.lengths * (1 + self.copies)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> Example:
        copy_number, place = divmod(index, len(self.chosen))
        example = self.chosen[place]
        if not copy_number:
            return example
        key = f"{example['key']}+{copy_number}"
        generator = Draws(self.seed, 0, (key,)).numpy(0, "copy")
        recorded = Audio(example["samples"].astype(np.float32) / _PCM_SCALE, example["rate"])
        changed = augment(recorded, generator, self.settings).samples
        samples = np.clip(np.rint(changed * _PCM_SCALE), -_PCM_SCALE, _PCM_SCALE - 1)
        # Only with another pitch or other formants it is somebody else.
        voice = key if self.settings.voice.probability else example["voice"]
        return {**example, "key": key, "voice": voice, "samples": samples.astype(np.int16)}


@dataclass(frozen=True, slots=True, eq=False)
class Learner:
    """One net of a voice model, ready to be trained."""

    name: str
    """`token_model` or `decoder`: a part of a model folder."""
    task: Task
    examples: Chosen | Varied
    held_out: Chosen
    settings: LoopSettings
    tensorboard: bool

    @property
    def recorded(self) -> Chosen:
        """What is trained on, without changed copies."""
        return self.examples.chosen if isinstance(self.examples, Varied) else self.examples

    def learnt(
        self, folder: Path, which: str, *, keep_training: bool = False
    ) -> dict[str, NDArray[Any]]:
        """Tensors for a model folder, of the weights in a run's folder, adapters merged.

        Args:
            which: `best`, or `last`.
            keep_training: with what only training needs.

        Raises:
            TrainingError: there are none, or they are damaged.
        """
        nets = self._with_weights(folder, which)
        if lora.adapters(nets[self.name]):
            lora.merge(nets[self.name])
        if self.name == TOKEN_MODEL:
            return dict(token_model_task.delivered(nets))
        return dict(decoder_task.delivered(nets, keep_training=keep_training))

    def parts(self, folder: Path, which: str) -> dict[str, dict[str, NDArray[Any]]]:
        """Parts of a model folder that training can go on from: the net, and its judges.

        Raises:
            TrainingError: there are no weights, or they are damaged.
        """
        found = {self.name: self.learnt(folder, which, keep_training=True)}
        if judges := decoder_task.delivered_judges(self._with_weights(folder, which)):
            found[DISCRIMINATOR] = dict(judges)
        return found

    def _with_weights(self, folder: Path, which: str) -> nn.ModuleDict:
        nets = copy.deepcopy(self.task.nets)
        nets.load_state_dict(weights(folder, which))
        return nets


def learners(
    base: ModelFolder, features: FeatureSet, recipe: Recipe, *, seed: int
) -> tuple[Learner, ...]:
    """Those nets of `recipe.learn`, with the base model's weights; without a token model that
    spells, if the recipe goes by the amount of speech and there is little (`_SPELLS_AS_IT_IS`).

    Raises:
        TrainingError: the base model lacks what only training needs.
        ConfigError: the recipe does not fit the family, or names a speaker who is not in the set.
    """
    spec = base.family
    train, held_out = _divided(features, recipe)
    vectors = _vectors(features, recipe, spec)
    seconds = sum(features.rows[index].clip.seconds for index in train)
    advised = advice(seconds) if recipe.by_amount else None
    plans = _plans(spec, seconds, recipe)
    stays = (
        recipe.by_amount and seconds < _SPELLS_AS_IT_IS and spec.token_model.spelling is not None
    )
    made = []
    for name in recipe.learn:
        if stays and name == TOKEN_MODEL:
            continue
        plan = plans.get(name)
        speakers = [features.rows[row].clip.speaker for row in (*train, *held_out)]
        judged = DISCRIMINATOR in base.parts
        task = _task(name, spec, recipe, advised, plan, speakers, judged)
        (token_model_task if name == TOKEN_MODEL else decoder_task).load(task.nets, base)
        if plan is not None:
            freezing.apply(plan, task.nets, seed=seed)
        examples, kept_back = (
            Chosen(
                features,
                rows,
                tuple(_length(name, features, row, spec.decoder) for row in rows),
                vectors,
            )
            for rows in (_repeated(train, features, recipe), held_out)
        )
        loop = (recipe.token_model if name == TOKEN_MODEL else recipe.decoder).loop
        settings = _loop(loop, advised, (*examples.lengths, *kept_back.lengths), seed)
        data = examples if name == TOKEN_MODEL else _varied(examples, recipe, spec, seed)
        made.append(Learner(name, task, data, kept_back, settings, recipe.tensorboard))
    return tuple(made)


def _divided(features: FeatureSet, recipe: Recipe) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Rows to train on, and rows held out."""
    place = {row.clip.id: index for index, row in enumerate(features.rows)}
    parts = split([row.clip for row in features.rows], recipe.split)
    train, held_out = (
        tuple(place[clip.id] for clip in clips) for clips in (parts.train, parts.held_out)
    )
    return train, held_out


def _vectors(
    features: FeatureSet, recipe: Recipe, spec: FamilySpec
) -> Mapping[str, NDArray[np.float32]]:
    if not recipe.speaker_clips:
        return {}
    if spec.speaker_encoder is None:
        raise ConfigError(
            f"speaker_clips is {recipe.speaker_clips}, but {spec.name} has no speaker vectors."
        )
    return of_others(features, recipe.speaker_clips)


def _repeated(rows: tuple[int, ...], features: FeatureSet, recipe: Recipe) -> tuple[int, ...]:
    """Rows, those of some speakers several times."""
    speakers = {row: features.rows[row].clip.speaker for row in rows}
    if unknown := set(recipe.repeats) - set(speakers.values()):
        raise ConfigError(f"repeats names {', '.join(sorted(unknown))}, who is not in the set.")
    return tuple(row for row in rows for _ in range(recipe.repeats.get(speakers[row], 1)))


def _plans(spec: FamilySpec, seconds: float, recipe: Recipe) -> dict[str, freezing.Plan]:
    if not recipe.by_amount:
        return {}
    return {
        TOKEN_MODEL: freezing.plan_token_model(seconds, spec.token_model, recipe.freezing),
        DECODER: freezing.plan_decoder(seconds, spec.decoder, recipe.freezing),
    }


def _task(
    name: str,
    spec: FamilySpec,
    recipe: Recipe,
    advised: Advice | None,
    plan: freezing.Plan | None,
    speakers: Sequence[str],
    judged: bool,
) -> Task:
    if name == TOKEN_MODEL:
        learning = recipe.token_model.learning
        if advised is not None and plan is not None:
            learning = replace(learning, dropout=advised.dropout, groups=_inside(name, plan.groups))
        return TokenModelTask(spec.token_model, learning)
    sounding = recipe.decoder.learning
    if advised is not None and plan is not None:
        sounding = replace(sounding, dropout=advised.dropout, groups=plan.groups)
        if not judged and isinstance(spec.decoder.generator, SourceFilterSpec):
            # It learnt of spectra alone; judges who know nothing would have to be taught first.
            sounding = replace(sounding, adversarial=False)
    task = DecoderTask(spec.decoder, sounding, spec.token_model.spelling)
    told = recipe.decoder.speakers
    return SpeakerAwareTask(task, told, speakers) if told.asked else task


def _varied(examples: Chosen, recipe: Recipe, spec: FamilySpec, seed: int) -> Chosen | Varied:
    """With copies, if the recipe asks for some.

    Raises:
        ConfigError: copies would have other voices than their speaker vectors say.
    """
    asked = recipe.decoder
    if not asked.copies:
        return examples
    if spec.decoder.speaker_vector is not None and asked.augmentation.voice.probability:
        raise ConfigError(
            f"decoder.augmentation.voice changes who speaks, but the speaker vectors of "
            f"{spec.name} say who did; set its probability to 0."
        )
    if asked.speakers.asked and asked.augmentation.voice.probability:
        raise ConfigError(
            "decoder.augmentation.voice makes speakers that decoder.speakers was not told of; use "
            "one of the two."
        )
    return Varied(examples, asked.copies, asked.augmentation, seed)


def _inside(net: str, groups: Sequence[ParameterGroup]) -> tuple[ParameterGroup, ...]:
    """The same groups, by names within the net."""
    return tuple(
        replace(group, prefixes=tuple(each.removeprefix(f"{net}.") for each in group.prefixes))
        for group in groups
    )


def _loop(
    loop: LoopSettings, advised: Advice | None, lengths: Sequence[int], seed: int
) -> LoopSettings:
    """With what is advised; and with a budget that the longest example fits."""
    loop = replace(loop, seed=seed, budget=max(loop.budget, *lengths))
    if advised is None:
        return loop
    decay = max(loop.optimiser.decay, advised.decay)
    return replace(
        loop,
        steps=min(loop.steps, advised.steps),
        patience=min(loop.patience, advised.patience),
        optimiser=replace(loop.optimiser, decay=decay),
    )


def _length(name: str, features: FeatureSet, index: int, spec: DecoderSpec) -> int:
    row = features.rows[index]
    if name == TOKEN_MODEL:
        return row.phones + row.tokens
    return decoder_batches.frames(spec, row.tokens, row.samples)
