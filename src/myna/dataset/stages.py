"""The steps from recordings to clips, in order."""

from __future__ import annotations

from collections.abc import Mapping

from myna.audio.quality import QualityLimits
from myna.dataset.finding import Recording
from myna.dataset.running import Step
from myna.dataset.settings import PrepareSettings
from myna.dataset.steps.cutting import Cut
from myna.dataset.steps.denoising import Denoise
from myna.dataset.steps.duplicates import Duplicates
from myna.dataset.steps.levelling import Level
from myna.dataset.steps.loading import Load
from myna.dataset.steps.measuring import Judge, Measure
from myna.dataset.steps.voices import Listen, Voices, available
from myna.dataset.steps.wording import NONE, CheckSounds, CheckWords, Transcribe, recogniser
from myna.dataset.transcribing import check_installed


def stages(settings: PrepareSettings, recordings: Mapping[str, Recording]) -> tuple[Step, ...]:
    """The steps, with their settings.

    Args:
        settings: what was asked for.
        recordings: what was found, by `Clip.source`.

    Quality is judged before anybody listens for words or speakers, so that clips which are dropped
    for it cost no time there and do not count for how a speaker sounds.
    """
    limits = QualityLimits(noisy_db=settings.noisy, too_noisy_db=settings.too_noisy)
    encoder = available(settings.speaker_check)
    if settings.transcriber != NONE:
        check_installed(settings.transcriber)
    heard = {
        "transcriber": settings.transcriber,
        "model": settings.model,
        "device": settings.device,
    }
    return (
        Load(recordings=recordings, shortest=settings.shortest_given),
        Duplicates(),
        Measure(limits=limits),
        Level(target=settings.loudness),
        Denoise(when=settings.denoise, noisy=settings.noisy),
        Cut(
            recordings=recordings,
            method=settings.voice_activity,
            shortest=settings.shortest,
            longest=settings.longest,
            shortest_given=settings.shortest_given,
            longest_given=settings.longest_given,
        ),
        Judge(limits=limits),
        Transcribe(**heard),
        CheckWords(**heard),
        CheckSounds(recogniser="" if settings.sound_check == NONE else recogniser()),
        Listen(encoder=encoder),
        Voices(encoder=encoder),
    )
