"""Clips as the decoder trains on them: aligned, checked, padded to batches.

Semantic tokens and the recording are cut to the frames that both have. A recording gets the margins
of its spectrogram here, because rows of a batch end at different places; and every row is followed
by a few empty frames, because convolutions of the reference encoder look past its end: so what a
row gives does not depend on its neighbours.

Letters in shapes: B rows, P phones, T tokens, N samples of the longest row with both margins, V
speaker channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from myna.errors import DatasetError
from myna.nets.mel import margin
from myna.nets.source_filter import MIDDLE_HZ
from myna.specs import DecoderSpec, SourceFilterSpec, SpectrogramSpec
from myna.training.task import Batch, Example

_EMPTY = 4
"""Frames after each row: how far the reference encoder's convolutions look."""
_MOST_APART = 12
"""Frames that tokens and recording may differ by; more says that they are of different clips."""


def frames(spec: DecoderSpec, tokens: int, samples: int) -> int:
    """Frames that are trained on of a clip: those of whole tokens that the recording has."""
    whole = min(tokens, samples // spec.spectrogram.hop // spec.frames_per_token)
    return whole * spec.frames_per_token


def collate(examples: Sequence[Example], spec: DecoderSpec, least: int) -> Batch:
    """Pad to one length, of at least `least` frames.

    Returns:
        phones: (B, P) int64
        phones_lengths: (B,)
        tokens: (B, T) int64
        samples: (B, N) int16, see `with_margins`
        frames: (B,), that each row has
        speaker: (B, V) float32, for families that have one
        octaves, voiced: (B, S) float32, for generators that filter a source, see `pitched`
        band: (B, 1) float32, for families that are told it

    Raises:
        DatasetError: an example does not fit the model; the message names it.
    """
    lengths = [_checked(example, spec) for example in examples]
    step = spec.frames_per_token
    longest = -(-(max(*lengths, least) + _EMPTY) // step) * step
    analysis = spec.spectrogram
    tensors = {
        "phones": _padded([each["phones"] for each in examples], np.int64),
        "phones_lengths": torch.tensor([len(each["phones"]) for each in examples]),
        "tokens": _padded(
            [each["tokens"][: n // step] for each, n in zip(examples, lengths, strict=True)],
            np.int64,
            longest // step,
        ),
        "samples": _padded(
            [
                with_margins(each["samples"], n, analysis)
                for each, n in zip(examples, lengths, strict=True)
            ],
            np.int16,
            longest * analysis.hop + 2 * margin(analysis),
        ),
        "frames": torch.tensor(lengths),
    }
    if spec.speaker_vector is not None:
        speakers = [np.asarray(each["speaker"], np.float32) for each in examples]
        tensors["speaker"] = torch.from_numpy(np.stack(speakers))
    if isinstance(spec.generator, SourceFilterSpec):
        most = longest * spec.generator.oversampling
        found = [pitched(each["pitch"]) for each in examples]
        for name, rows in zip(("octaves", "voiced"), zip(*found, strict=True), strict=True):
            tensors[name] = _padded([row[:most] for row in rows], np.float32, most)
    if spec.band_limited:
        bands = [[2.0 * np.asarray(each["band"]).item() / analysis.rate] for each in examples]
        tensors["band"] = torch.tensor(bands).clamp(max=1.0)
    return Batch(tuple(each["key"] for each in examples), tensors)


def pitched(
    pitch: NDArray[Any],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Octaves from the middle pitch, and 1 where there is a voice, (S,) both.

    Args:
        pitch: (S,) in Hz, 0 where there is no voice; there, octaves go straight from one voice to
            the next. One value per frame of filters.
    """
    voiced = np.asarray(pitch) > 0
    places = np.flatnonzero(voiced)
    octaves = np.zeros(len(voiced))
    if len(places):
        spoken = np.log2(np.asarray(pitch, np.float64)[places] / MIDDLE_HZ)
        octaves = np.interp(np.arange(len(voiced)), places, spoken)
    return octaves.astype(np.float32), voiced.astype(np.float32)


def with_margins(samples: NDArray[Any], frames: int, spec: SpectrogramSpec) -> NDArray[Any]:
    """What the first frames of a recording see: `frames` hops of it, and a margin on both sides.

    Beyond both ends the recording is reflected.
    """
    whole = np.pad(samples, margin(spec), mode="reflect")
    return whole[: frames * spec.hop + 2 * margin(spec)]


def inside(lengths: Tensor, longest: int, dtype: torch.dtype) -> Tensor:
    """The mask of rows so long: (B,) -> (B, 1, longest), 1 within each row."""
    places = torch.arange(longest, device=lengths.device)
    return (places < lengths[:, None]).to(dtype)[:, None]


def cut(x: Tensor, start: Tensor, length: int) -> Tensor:
    """(B, C, T) -> (B, C, length), each row from its own start (B,) on."""
    places = start[:, None] + torch.arange(length, device=x.device)
    return x.gather(2, places[:, None].expand(-1, x.shape[1], -1))


def _padded(rows: Sequence[NDArray[Any]], dtype: Any, longest: int = 0) -> Tensor:
    longest = max(longest, *(len(row) for row in rows))
    padded = np.zeros((len(rows), longest), dtype)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(padded)


def _checked(example: Example, spec: DecoderSpec) -> int:
    """Frames of a sound example."""
    key, samples = example["key"], np.asarray(example["samples"])
    for name, most in (("phones", spec.phones), ("tokens", spec.codes)):
        ids = np.asarray(example[name])
        if not len(ids):
            raise DatasetError(f"{key} has no {name}; leave the clip out.")
        if ids.min() < 0 or ids.max() >= most:
            raise DatasetError(
                f"{key} has {name} {ids.min()} to {ids.max()}, but this model knows 0 to "
                f"{most - 1}; the set was prepared for another family."
            )
    if samples.dtype != np.int16:
        raise DatasetError(f"{key} has samples as {samples.dtype}; expected int16.")
    spoken = len(example["tokens"]) * spec.frames_per_token
    heard = len(samples) // spec.spectrogram.hop
    if abs(spoken - heard) > _MOST_APART:
        raise DatasetError(
            f"{key} has tokens for {spoken} frames but a recording of {heard}; they are not of "
            f"the same clip, or the recording has another rate than {spec.spectrogram.rate}. "
            f"Prepare the set again."
        )
    count = frames(spec, len(example["tokens"]), len(samples))
    if count * spec.spectrogram.hop <= margin(spec.spectrogram):
        raise DatasetError(f"{key} has {count} frames, too few to train on; leave the clip out.")
    if isinstance(spec.generator, SourceFilterSpec):
        found, wanted = len(example.get("pitch", ())), count * spec.generator.oversampling
        if found < wanted:
            raise DatasetError(
                f"{key} has {found} values of pitch; this family reads {wanted}. Prepare the set "
                f"for it."
            )
    if spec.speaker_vector is not None:
        shape = np.shape(example.get("speaker", ()))
        if shape != (spec.speaker_vector,):
            raise DatasetError(
                f"{key} has a speaker vector of shape {shape}; this family reads one of "
                f"{spec.speaker_vector}. Prepare the set for it."
            )
    return count
