"""What a run gives: candidates are measured, one is chosen, and it becomes a model and a voice.

Candidates are the weights with the best held-out losses, and the last ones. The base model is
measured beside them, so that one sees, and hears, what training changed.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import myna
from myna.audio.recordings import read
from myna.audio.reference import prepare_reference
from myna.checkpoints import store
from myna.checkpoints.recognise import DECODER, TOKEN_MODEL
from myna.checkpoints.store import ModelFolder
from myna.dataset.features import FeatureSet, recording_of
from myna.dataset.manifest import Clip
from myna.datatypes import Reference, Voice
from myna.engines.torch_engine import TorchEngine
from myna.errors import (
    CheckpointError,
    EngineError,
    MynaError,
    TextError,
    TrainingError,
    UnusableReferenceError,
)
from myna.files import save_json
from myna.synthesis.cloning import clone
from myna.training.choosing import Candidate, Choice, choose
from myna.training.judging import Judged, Judges, judge, likeness, open_judges
from myna.training.learning import Learner
from myna.training.logs import lines
from myna.training.memorisation import Report
from myna.training.remembering import remembered
from myna.training.state import checkpoint

log = logging.getLogger(__name__)

BEFORE = "before"
_LISTENED = 3
"""Sentences that candidates say: enough to tell a broken one from a sound one."""
_REFERENCES = 8
"""Recordings that the speaker is known by."""
_MOST_REFERENCES = 10
"""Recordings whose timbre makes the voice."""
_REFERENCE_SECONDS = (3.0, 9.5)
_BEST_REFERENCE = 7.0
"""Seconds: in the middle of what cloning takes."""
_LEAST_LOSS = 1e-9
"""Losses are compared in proportion, so they are taken for no less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What came of a run."""

    voice: Path
    model: ModelFolder
    choice: Choice
    measured: Mapping[str, Judged]
    """By candidate, and of the base model under `before`."""
    remembered: Report | None
    """Whether the token model learnt its clips by heart; None if it did not learn, or nothing was
    held out."""


def deliver(
    learners: Sequence[Learner],
    features: FeatureSet,
    folder: Path,
    base: ModelFolder,
    out: Path,
    on_progress: Callable[[str], None],
    *,
    name: str,
    run: str,
    licence: str,
    consent: str,
    seed: int,
    device: str,
) -> Delivered:
    """Choose among what was trained, install it as a model, and make a voice of it.

    Args:
        folder: of the prepared set.
        out: of the run.
        run: identifies it, see `myna.training.planning.run_digest`.

    Raises:
        TrainingError: there are no weights, or no recording can serve as the reference.
        CheckpointError: the model cannot be written, or its name has been taken since.
        MynaError: neither can the base model speak, nor any candidate.
    """
    judges = open_judges()
    models = {BEFORE: base, **_candidates(learners, base, out, name)}
    listened, heard = _listened(learners[0], features), _by_quality(learners[0], features)
    recordings = [read(recording_of(folder, clip)) for clip in heard[:_REFERENCES]]
    speaker = likeness(judges, recordings)
    measured, voices = {}, {}
    for number, (which, model) in enumerate(models.items(), 1):
        on_progress(f"listening to {which}, {number} of {len(models)} ...")
        try:
            voices[which] = _voice(model, folder, heard, name, device)
            measured[which] = judge(
                model, voices[which], listened, speaker, judges, seed=seed, device=device
            )
        except EngineError as error:
            if which == BEFORE:
                raise
            log.warning("The candidate %s cannot speak: %s", which, error)
    able = [which for which in measured if which != BEFORE]
    if not able:
        raise TrainingError(
            "What was trained cannot speak. Lower the learning rate, and train again in a new "
            "folder."
        )
    choice = choose([_candidate(which, measured[which], learners, out) for which in able])
    chosen = choice.best.name
    report = None
    for learner in learners:
        if learner.name == TOKEN_MODEL:
            report = remembered(learner, out / learner.name, _kept(learner, out, chosen), device)
    facts = _facts(choice, measured, judges, listened, base, run, report)
    check_free(name, run)
    model = store.write(
        store.installed_path(name),
        kind=store.VOICE_MODEL,
        spec=base.spec,
        name=name,
        parts={part: store.tensors(models[chosen], part) for part in models[chosen].parts},
        provenance=facts,
    )
    voice = replace(
        voices[chosen],
        model=model.fingerprint,
        licence=licence,
        consent=consent,
        details={**voices[chosen].details, "trained": facts},
    )
    voice.save(out / f"{name}.voice")
    _let_listen(out / "listen", folder, listened, measured, chosen)
    save_json(out / "report.json", facts)
    return Delivered(
        voice=out / f"{name}.voice",
        model=model,
        choice=choice,
        measured=measured,
        remembered=report,
    )


def check_free(name: str, run: str | None) -> None:
    """Check that a model may be installed under a name.

    Args:
        run: the one it comes of, see `run_digest` in `myna.training.planning`; its own model may be
            replaced.

    Raises:
        CheckpointError: the name is unfit, or taken.
    """
    taken = store.installed_path(name)
    if taken.exists() and (run is None or _run_of(taken) != run):
        raise CheckpointError(
            f"A model called {name} is installed already; choose another name, or remove it with "
            f"`myna models remove {name}`."
        )


def _run_of(installed: Path) -> object:
    try:
        return store.open_model(installed).provenance.get("run")
    except (MynaError, AttributeError):
        return None


def check_reference(learner: Learner, features: FeatureSet, folder: Path) -> None:
    """Check that a recording can serve as the voice's reference, before the work of hours.

    Raises:
        TrainingError: there is none.
    """
    trouble = ""
    for clip in _by_quality(learner, features):
        try:
            prepare_reference(read(recording_of(folder, clip)), whole=bool(clip.text.strip()))
        except UnusableReferenceError as error:
            trouble = str(error)
        else:
            return
    raise _no_reference(trouble)


def _no_reference(trouble: str) -> TrainingError:
    return TrainingError(f"None of the clips can serve as the voice's reference. {trouble}")


def _candidates(
    learners: Sequence[Learner], base: ModelFolder, out: Path, name: str
) -> dict[str, ModelFolder]:
    """Models of the best weights and of the last ones, unless those are the same; a net that did
    not learn is the base model's.

    Folders are named by voice, family, and the steps of the nets.
    """
    steps = {which: _steps(learners, out, which) for which in ("best", "last")}
    if steps["best"] == steps["last"]:
        del steps["best"]
    found = {}
    for which in steps:
        parts = {part: store.tensors(base, part) for part in (TOKEN_MODEL, DECODER)}
        parts |= {
            learner.name: _as_kept(_learnt(learner, out, which), base, learner.name)
            for learner in learners
        }
        found[which] = store.write(
            out / "candidates" / "-".join([name, base.spec, *map(str, steps[which].values())]),
            kind=store.VOICE_MODEL,
            spec=base.spec,
            parts=parts,
            provenance={"base": base.fingerprint, "steps": steps[which]},
        )
    return found


def _steps(learners: Sequence[Learner], out: Path, which: str) -> dict[str, int]:
    """By learner, the step of its best weights, or of the last where there are no best."""
    steps = {}
    for learner in learners:
        kept = checkpoint(out / learner.name)
        if kept is None:
            raise TrainingError(f"There are no weights in {out / learner.name}; train it first.")
        steps[learner.name] = kept.best.step if which == "best" and kept.best else kept.step
    return steps


def _learnt(learner: Learner, out: Path, which: str) -> dict[str, NDArray[Any]]:
    """The best weights, or the last where there are no best; or the last."""
    return learner.learnt(out / learner.name, _kept(learner, out, which))


def _kept(learner: Learner, out: Path, which: str) -> str:
    """`best` only where there are such weights."""
    kept = checkpoint(out / learner.name)
    return which if kept is not None and kept.best is not None else "last"


def _as_kept(
    tensors: Mapping[str, NDArray[Any]], base: ModelFolder, part: str
) -> dict[str, NDArray[Any]]:
    """In the precision that the base model is kept in."""
    before = store.tensors(base, part)
    return {
        name: tensor.astype(before[name].dtype if name in before else tensor.dtype)
        for name, tensor in tensors.items()
    }


def _listened(learner: Learner, features: FeatureSet) -> list[Clip]:
    """Clips whose words are said: held out if any are, else the shortest of the others."""
    clips = [features.rows[index].clip for index in learner.held_out.indices]
    if not clips:
        log.warning("All clips were trained on, so what is measured flatters.")
        clips = [features.rows[index].clip for index in learner.recorded.indices]
        clips.sort(key=lambda clip: (clip.seconds, clip.id))
    return clips[:_LISTENED]


def _by_quality(learner: Learner, features: FeatureSet) -> list[Clip]:
    """Clips that were trained on: fit for a reference first, of them the least noisy first."""
    clips = [features.rows[index].clip for index in learner.recorded.indices]
    low, high = _REFERENCE_SECONDS

    def worse(clip: Clip) -> tuple[bool, float, float]:
        fit = low <= clip.seconds <= high and bool(clip.text)
        noise = -round(clip.quality.get("snr_db", 0.0) / 6)
        return not fit, noise, abs(clip.seconds - _BEST_REFERENCE)

    return sorted(clips, key=worse)


def _voice(
    model: ModelFolder, folder: Path, clips: Sequence[Clip], name: str, device: str
) -> Voice:
    """A voice of the first clip that can be cloned; of the first ten, where only timbre is taken
    from them: of LJ with `tiny` 26 % of words were wrong with one clip, 21 % with eight.
    """
    engine = TorchEngine(model, device=device)
    most = 1 if model.family.prompted else _MOST_REFERENCES
    references: list[Reference] = []
    trouble = ""
    for clip in clips:
        audio = read(recording_of(folder, clip))
        reference = Reference(audio, clip.text, clip.language or "auto")
        try:
            if references:
                prepare_reference(audio)
            else:
                voice = clone(engine, [reference], name=name, cache=False)
        except (UnusableReferenceError, TextError) as error:
            trouble = str(error)
            continue
        references.append(reference)
        if len(references) == most:
            break
    if not references:
        raise _no_reference(trouble)
    return voice if most == 1 else clone(engine, references, name=name, cache=False)


def _candidate(which: str, judged: Judged, learners: Sequence[Learner], out: Path) -> Candidate:
    losses = [_held_out_loss(out / learner.name, which) for learner in learners]
    # A net that is not evaluated has no losses in any candidate.
    known = [loss for loss in losses if loss is not None]
    # Losses of different nets are worth the same in proportion.
    together = _geometric_mean(known) if known else None
    return Candidate(
        name=which,
        step=sum(_steps(learners, out, which).values()),
        held_out_loss=together,
        recognition_error=judged.recognition_error,
        similarity=judged.similarity,
    )


def _geometric_mean(losses: Sequence[float]) -> float:
    if not all(map(math.isfinite, losses)):
        return math.nan
    return math.prod(max(loss, _LEAST_LOSS) for loss in losses) ** (1 / len(losses))


def _held_out_loss(folder: Path, which: str) -> float | None:
    """NaN if it was no finite number; None if there were no evaluations."""
    kept = checkpoint(folder)
    if which == "best" and kept is not None and kept.best is not None:
        return kept.best.loss
    held_out = [line["losses"]["loss"] for line in lines(folder) if line["kind"] == "held_out"]
    if not held_out:
        return None
    return math.nan if held_out[-1] is None else float(held_out[-1])


def _facts(
    choice: Choice,
    measured: Mapping[str, Judged],
    judges: Judges,
    listened: Sequence[Clip],
    base: ModelFolder,
    run: str,
    report: Report | None,
) -> dict[str, Any]:
    rows = {row.candidate.name: row.candidate for row in choice.table}
    return {
        "base": {"name": base.name, "fingerprint": base.fingerprint},
        "run": run,
        "trained": datetime.now(UTC).isoformat(timespec="seconds"),
        "myna": myna.__version__,
        "judges": {
            "recognition_error": "own recogniser" if judges.hearing else None,
            "similarity": judges.speakers.name if judges.speakers else None,
        },
        "learnt_by_heart": None
        if report is None
        else {"verdict": report.verdict, "reasons": list(report.reasons)},
        "sentences": [clip.text for clip in listened],
        "measured": {
            which: {
                "recognition_error": _finite(judged.recognition_error),
                "similarity": _finite(judged.similarity),
                "ended": judged.ended,
                "held_out_loss": _finite(rows[which].held_out_loss) if which in rows else None,
            }
            for which, judged in measured.items()
        },
        "chosen": choice.best.name,
        "reason": choice.reason,
    }


def _finite(number: float | None) -> float | None:
    """JSON has no other numbers."""
    return number if number is not None and math.isfinite(number) else None


def _let_listen(
    out: Path,
    folder: Path,
    listened: Sequence[Clip],
    measured: Mapping[str, Judged],
    chosen: str,
) -> None:
    out.mkdir(exist_ok=True)
    for number, clip in enumerate(listened, 1):
        read(recording_of(folder, clip)).save(out / f"{number}-recorded.wav")
        for word, which in ((BEFORE, BEFORE), ("after", chosen)):
            measured[which].spoken[number - 1].save(out / f"{number}-{word}.wav")
