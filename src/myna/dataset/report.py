"""One page about a prepared set: what is left to train on, why not the rest, what to expect.

The page is a file of HTML beside the set's clips. It says nothing that is not in the manifest, and
how the expected quality is told stands on the page itself.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from myna.dataset import report_page as html
from myna.dataset.checking import RATES, spoken_phones
from myna.dataset.expecting import GRADES, MEANS, RULE, expected_quality, grade_of
from myna.dataset.plots import histogram
from myna.errors import MissingExtraError
from myna.files import replacing
from myna.text.sounds import LANGUAGES as SOUNDING
from myna.text.sounds import PLAIN, TONED, heard
from myna.text.sounds import language_of as language_of_sound

if TYPE_CHECKING:
    from myna.dataset.manifest import Clip

NAME = "report.html"

ADVICE = {
    "unreadable": "Convert it, for example with: ffmpeg -i INPUT output.wav",
    "missing": "Correct the path in the list.",
    "outside": "Correct the times in the list; they lie beyond the end of the recording.",
    "overlap": "Correct the times in the list; one of the two parts is used.",
    "pause": "Nothing to do, unless somebody speaks there: then give the words.",
    "no speech": "Nothing to do, unless somebody speaks there: then record closer or louder.",
    "loudness": "Turn the recording up, or record closer to the microphone.",
    "silence": "Nothing to do, unless it should not be silent: then check the microphone.",
    "clipping": "Record again at a lower level. Turning it down afterwards does not help.",
    "noise": "Record closer to the microphone, in a quieter room; or prepare with denoising.",
    "band limit": "Look for the original; this one went through a telephone or a low-rate codec.",
    "gain": "Record with automatic gain control switched off.",
    "reverberation": "Record closer to the microphone, in a room with curtains and carpets.",
    "duplicate": "Nothing to do: the first copy is used.",
    "too short": "Join it with its neighbours, or lower the shortest length.",
    "too long": "Give its parts with times, or let it be cut at silences.",
    "no words": "Give the words in a list, or choose a transcriber. Words of a recording that is "
    "longer than --longest-given are not used.",
    "unsure words": "Listen, and give the words in a list.",
    "wrong text": "Listen, and correct the list; often two lines were swapped.",
    "alphabet": "Correct the language or the text in the list.",
    "language": "Give the language in the list, or with --language.",
    "markup": "Take everything out of the text that is not said.",
    "speaking rate": "Listen: the text says more or less than the recording.",
    "another speaker": "Give that person a name of their own in the list.",
    "two speakers": "Cut it where the speaker changes, and give each part with its name.",
}
"""What to do about clips that were dropped, by `Clip.dropped`."""

_EXAMPLES = 5
_MOST_WARNINGS = 20

_PLOTS = (
    ("seconds", "length of clips, s", None),
    ("snr_db", "signal to noise, dB", 20.0),
    ("loudness_lufs", "loudness as recorded, LUFS", None),
    ("phones_per_second", "speaking rate, phones per second", None),
    ("bandwidth_hz", "bandwidth, Hz", 7000.0),
    ("speaker_likeness", "likeness with the speaker's other clips", None),
    ("sound_score", "fit of the words with the sounds heard", None),
    ("word_error", "share of sounds heard otherwise than written", None),
)


def write_report(folder: str | Path, clips: Sequence[Clip], facts: Mapping[str, Any]) -> Path:
    """Write `report.html` into a prepared set; whole or not at all.

    Args:
        folder: of the set; players are shown for the clips that have a file in it.
        clips: all of the manifest, dropped ones too.
        facts: of the set: `myna` (a version), `settings` (by name), and, if known,
            `seconds["given"]` and `recordings` (a count). All are shown as plain words.

    Raises:
        OSError: it cannot be written.
    """
    folder = Path(folder)
    kept = [clip for clip in clips if clip.kept]
    dropped = [clip for clip in clips if not clip.kept]
    sections = [
        _head(folder, kept, clips, facts),
        _expected(kept),
        _reasons(folder, dropped),
        _warnings(kept),
        _plots(kept, dropped),
        _speakers(kept),
        _languages(kept),
        _examples(folder, kept),
        _settings(facts),
    ]
    path = folder / NAME
    with replacing(path) as temporary:
        whole = html.page(f"{folder.resolve().name}: what was prepared", sections)
        temporary.write_text(whole, encoding="utf-8", newline="\n")
    return path


def _head(
    folder: Path, kept: Sequence[Clip], clips: Sequence[Clip], facts: Mapping[str, Any]
) -> str:
    seconds = facts.get("seconds", {})
    given = seconds.get("given") if isinstance(seconds, Mapping) else None
    if not isinstance(given, int | float):
        given = sum(clip.seconds for clip in clips)
    used = sum(clip.seconds for clip in kept)
    numbers = [
        (_time(used), "to train on"),
        (_time(given), "given"),
        (f"{used / given:.0%}" if given else "0%", "kept"),
        (str(len(kept)), "clips"),
        (str(len({clip.speaker for clip in kept})), "speakers"),
    ]
    return html.title(folder.resolve().name, "What was prepared") + html.figures(numbers)


def _expected(kept: Sequence[Clip]) -> str:
    if not kept:
        return html.section(
            "Expected quality", html.paragraph("There is nothing to train on in this set.")
        )
    grade, measures = expected_quality(kept)
    rows = []
    for name, what, unit, limits in RULE:
        has, own = "not measured", ""
        if name in measures:
            has, own = f"{measures[name] / unit:.3g}", GRADES[grade_of(name, measures[name])]
        rows.append([what, has, own, *(f"{limit:g}" for limit in limits)])
    table = html.table(["", "this set", "so", "fair", "good", "very good"], rows, numbers=3)
    return html.section(
        f"Expected quality: {grade}",
        html.paragraph(MEANS[grade]),
        table,
        html.paragraph(
            "The columns at the right say from where on a set is fair, good or very good; the "
            "lowest grade decides. Noise and bandwidth are medians of the clips. It is a rule of "
            "thumb for fine-tuning, not a measurement: how evenly the speaker reads matters as "
            "much.",
            soft=True,
        ),
    )


def _reasons(folder: Path, dropped: Sequence[Clip]) -> str:
    groups: dict[str, list[Clip]] = defaultdict(list)
    for clip in dropped:
        groups[clip.dropped].append(clip)
    if not groups:
        return html.section("What was dropped", html.paragraph("Nothing."))
    seconds = {word: sum(clip.seconds for clip in group) for word, group in groups.items()}
    most = max(seconds.values()) or 1.0
    parts = []
    for word, group in sorted(groups.items(), key=lambda item: -seconds[item[0]]):
        value = f"{_time(seconds[word])}, {_count(len(group), 'clip')}"
        examples = "".join(_clip(folder, clip, clip.reason) for clip in group[:_EXAMPLES])
        left = len(group) - _EXAMPLES
        more = (
            html.paragraph(f"… and {left} more; see the manifest.", soft=True) if left > 0 else ""
        )
        advice = html.paragraph(ADVICE[word]) if word in ADVICE else ""
        parts.append(
            html.folded(html.bar(word, seconds[word] / most, value), advice, examples, more)
        )
    return html.section("What was dropped, and why", *parts)


def _warnings(kept: Sequence[Clip]) -> str:
    """Warnings that differ only in figures and quotations are counted as one."""
    groups: dict[str, list[tuple[Clip, str]]] = defaultdict(list)
    for clip in kept:
        for warning in clip.warnings:
            groups[_SHAPE.sub("…", warning)].append((clip, warning))
    rows = []
    for group in sorted(groups.values(), key=len, reverse=True)[:_MOST_WARNINGS]:
        clip, warning = group[0]
        rows.append([warning, _place(clip), str(len(group))])
    return html.section("Warnings", html.table(["for example", "of", "clips"], rows, numbers=1))


def _plots(kept: Sequence[Clip], dropped: Sequence[Clip]) -> str:
    plots = [
        histogram(values, label=label, low=low, dropped=_values(dropped, name))
        for name, label, low in _PLOTS
        if (values := _values(kept, name))
    ]
    if not plots:
        return ""
    legend = html.paragraph(
        "Counts of clips. Those that were dropped stand on top, in the other colour.", soft=True
    )
    return html.section("Measured", legend, f'<div class="plots">{"".join(plots)}</div>')


def _speakers(kept: Sequence[Clip]) -> str:
    groups: dict[str, list[Clip]] = defaultdict(list)
    for clip in kept:
        groups[clip.speaker].append(clip)
    rows = []
    for speaker, group in sorted(groups.items()):
        alike = _values(group, "speaker_likeness")
        rows.append(
            [
                speaker or "(without a name)",
                _time(sum(clip.seconds for clip in group)),
                str(len(group)),
                f"{median(alike):.2f}" if alike else "not measured",
            ]
        )
    head = ["speaker", "speech", "clips", "likeness of clips (median)"]
    return html.section("Speakers", html.table(head, rows, numbers=3))


def _languages(kept: Sequence[Clip]) -> str:
    groups: dict[str, list[Clip]] = defaultdict(list)
    for clip in kept:
        groups[clip.language].append(clip)
    rows = []
    for language, group in sorted(groups.items()):
        seconds = sum(clip.seconds for clip in group)
        rows.append([language or "(unknown)", _time(seconds), *_coverage(language, group)])
    if not rows:
        return ""
    return html.section(
        "Languages and their sounds",
        html.table(["language", "speech", "sounds", "missing", "fewer than three times"], rows),
        html.paragraph(
            "A sound that the set lacks is taken from the model that training starts from. To "
            "hear it in this voice, add a sentence that has it.",
            soft=True,
        ),
    )


def _coverage(language: str, clips: Sequence[Clip]) -> tuple[str, str, str]:
    """How many different sounds there are, and which of the language are missing or rare."""
    if language not in RATES:
        return "", "", ""
    counts: Counter[str] = Counter()
    try:
        for clip in clips:
            phones = spoken_phones(clip.text, language)
            if language in SOUNDING:
                phones = tuple(_toneless(sound) for sound in heard(phones, language))
            counts.update(phones)
    except MissingExtraError:
        return "not counted: its package is not installed", "", ""
    inventory = _INVENTORY.get(language)
    if inventory is None:
        return str(len(counts)), "not known", ""
    missing = sorted(inventory - set(counts))
    rare = sorted(phone for phone in inventory if 0 < counts[phone] < 3)
    found = len(inventory) - len(missing)
    return f"{found} of {len(inventory)}", " ".join(missing) or "none", " ".join(rare) or "none"


def _examples(folder: Path, kept: Sequence[Clip]) -> str:
    """The first, and by signal to noise the worst, the middle and the best."""
    if not kept:
        return ""
    chosen = [("the first", kept[0])]
    measured = sorted(
        (clip for clip in kept if "snr_db" in clip.quality), key=lambda clip: clip.quality["snr_db"]
    )
    if len(measured) > 3:
        chosen += [
            ("the noisiest", measured[0]),
            ("the middle one by noise", measured[len(measured) // 2]),
            ("the cleanest", measured[-1]),
        ]
    parts = [_clip(folder, clip, clip.text, what) for what, clip in chosen]
    return html.section("Listen", *parts)


def _settings(facts: Mapping[str, Any]) -> str:
    settings = facts.get("settings", {})
    rows = [[str(name), str(value)] for name, value in dict(settings).items() if value != ""]
    rows.append(["recordings found", str(facts.get("recordings", "unknown"))])
    rows.append(["Myna", str(facts.get("myna", "unknown"))])
    return html.section("How it was made", html.table(["setting", "value"], rows))


def _clip(folder: Path, clip: Clip, last: str, first: str = "") -> str:
    audio = clip.audio if clip.audio and (folder / clip.audio).is_file() else ""
    lines = [f"{first}: {_place(clip)}" if first else _place(clip)]
    if last != clip.text and clip.text:
        lines.append(f"“{clip.text}”")
    return html.clip([*lines, last], audio)


def _place(clip: Clip) -> str:
    return f"{clip.source}, {clip.start:.1f} to {clip.end:.1f} s"


def _values(clips: Sequence[Clip], name: str) -> list[float]:
    if name == "seconds":
        return [clip.seconds for clip in clips]
    return list(_finite(clip.quality[name] for clip in clips if name in clip.quality))


def _finite(values: Iterator[float]) -> Iterator[float]:
    return (float(value) for value in values if abs(value) < float("inf"))


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _toneless(sound: str) -> str:
    return sound if sound in _TONELESS else sound[:-1]


_SHAPE = re.compile(r"'[^']*'|\"[^\"]*\"|\d+(?:\.\d+)?%?")
_TONELESS = frozenset(PLAIN + TONED)
_INVENTORY = {
    "en": frozenset(sound for sound in PLAIN if language_of_sound(sound) == "en"),
    "zh": frozenset(sound for sound in PLAIN + TONED if language_of_sound(sound) == "zh"),
}
"""Sounds without tone and stress."""
