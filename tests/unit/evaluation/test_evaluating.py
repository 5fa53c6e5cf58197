"""Every sentence is in the table, whatever became of it, and a run goes on where it ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toy
from myna.datatypes import Audio
from myna.errors import ConfigError, DatasetError, EngineError, ModelNotFoundError, TextError
from myna.evaluation import page
from myna.evaluation.evaluating import Progress, evaluate
from myna.evaluation.judges import Finding
from myna.evaluation.results import Report
from myna.evaluation.sentences import Sentence
from myna.evaluation.speakers import Recorded, Spoken, identity
from myna.evaluation.tables import lines
from myna.evaluation.words import word_errors, words_of
from myna.files import locked

SENTENCES = tuple(Sentence(f"This is number {n}.", "en") for n in ("one", "two", "three"))
SPEECH = toy.clip(1.0)


class Parrot:
    """Says what it is told to, and counts how often."""

    name, kind, own, like = "parrot", "voice", (), ()

    def __init__(self, say: Callable[[Sentence], Spoken] | None = None) -> None:
        self._say = say or (lambda _: Spoken(SPEECH, 0.5, 0.25))
        self.said: list[str] = []
        self.prepared = 0

    def key(self, sentence: Sentence) -> str:
        return identity(sentence.text)

    def prepare(self, sentence: Sentence) -> None:
        self.prepared += 1

    def say(self, sentence: Sentence) -> Spoken:
        self.said.append(sentence.text)
        return self._say(sentence)


class Ears:
    """Hears the text in whatever has sound, and counts how often it listened."""

    name = "words"

    def __init__(self, who: str = "ears") -> None:
        self.who = who
        self.listened: list[str] = []
        self.audio: list[Audio | None] = []

    def key(self, sentence: Sentence, speaker: Any) -> str:
        return sentence.text

    def listen(self, audio: Audio | None, sentence: Sentence, speaker: Any) -> Finding:
        self.listened.append(sentence.text)
        self.audio.append(audio)
        meant = words_of(sentence.text)
        heard = "" if audio is None else sentence.text
        errors = word_errors(words_of(heard), meant)
        return Finding({"words": len(meant), "word_errors": errors}, heard)


def test_a_table() -> None:
    progress: list[Progress] = []
    report = evaluate([Parrot()], SENTENCES, [Ears()], on_progress=progress.append)
    (row,) = report.rows
    assert [each.heard for each in row.judged] == [each.text for each in SENTENCES]
    assert row.word_error == 0
    assert row.failed == 0
    assert row.real_time_factor == pytest.approx(0.5 / SPEECH.seconds)
    assert row.first_sound == 0.25
    assert [each.doing for each in progress if each.done == each.total] == ["speaking", "judging"]
    assert report.judges == {"words": "ears"}
    assert report.likeness is None
    assert not row.judged[0].audio
    json.dumps(report.as_dict(), allow_nan=False)


def test_failures_count_and_say_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One error of the model, one silence, one with samples that are no numbers."""

    def say(sentence: Sentence) -> Spoken:
        match sentence.text.split()[-1]:
            case "one.":
                raise EngineError("It burnt.")
            case "two.":
                return Spoken(Audio(np.zeros(16000, np.float32), 16000), 0.1)
        return Spoken(Audio(np.full(16000, np.nan, np.float32), 16000), 0.1)

    ears = Ears()
    report = evaluate([Parrot(say)], SENTENCES, [ears], folder=tmp_path)
    (row,) = report.rows
    assert row.failed == 3
    assert row.word_error == 1
    assert ears.audio == [None] * 3
    assert row.real_time_factor is None
    troubles = [each.trouble for each in row.judged]
    assert troubles == ["It burnt.", "It is silent.", "It holds samples that are no numbers."]
    assert "It burnt." in caplog.text
    assert "3 sentences were not said" in "\n".join(lines(report))
    assert "Not said: It burnt." in page.write(tmp_path, report).read_text()


def test_who_cannot_speak_at_all() -> None:
    class Mute(Parrot):
        def prepare(self, sentence: Sentence) -> None:
            raise TextError("It has no words.")

    mute = Mute()
    (row,) = evaluate([mute], SENTENCES, [Ears()]).rows
    assert not mute.said
    assert [each.trouble for each in row.judged] == ["It has no words."] * 3
    assert row.word_error == 1


def test_a_missing_model_ends_it() -> None:
    def say(_: Sentence) -> Spoken:
        raise ModelNotFoundError("It is not here.")

    with pytest.raises(ModelNotFoundError):
        evaluate([Parrot(say)], SENTENCES, [Ears()])


def test_goes_on_where_it_ended(tmp_path: Path) -> None:
    def until(count: int) -> Parrot:
        def say(_: Sentence) -> Spoken:
            if len(parrot.said) > count:
                raise KeyboardInterrupt
            return Spoken(SPEECH, 0.5, 0.25)

        parrot = Parrot(say)
        return parrot

    straight = evaluate([Parrot()], SENTENCES, [Ears()], folder=tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        evaluate([until(2)], SENTENCES, [Ears()], folder=tmp_path / "cut")
    again, ears = until(9), Ears()
    report = evaluate([again], SENTENCES, [ears], folder=tmp_path / "cut")
    assert again.said == [SENTENCES[2].text]
    assert _plain(report) == _plain(straight)
    idle, deaf = Parrot(), Ears()
    assert _plain(evaluate([idle], SENTENCES, [deaf], folder=tmp_path / "cut")) == _plain(straight)
    assert not idle.prepared
    assert not deaf.listened


def test_only_what_changed_is_done_again(tmp_path: Path) -> None:
    evaluate([Parrot()], SENTENCES, [Ears()], folder=tmp_path)
    other = (SENTENCES[0], replace(SENTENCES[1], text="Something new."), SENTENCES[2])
    parrot, ears = Parrot(), Ears()
    evaluate([parrot], other, [ears], folder=tmp_path)
    assert parrot.said == ears.listened == ["Something new."]
    parrot, ears = Parrot(), Ears("others")
    evaluate([parrot], other, [ears], folder=tmp_path)
    assert not parrot.said
    assert len(ears.listened) == 3


def test_failures_are_tried_again(tmp_path: Path) -> None:
    def say(_: Sentence) -> Spoken:
        raise EngineError("Later.")

    assert evaluate([Parrot(say)], SENTENCES, [Ears()], folder=tmp_path).rows[0].failed == 3
    assert evaluate([Parrot()], SENTENCES, [Ears()], folder=tmp_path).rows[0].failed == 0


def test_damaged_findings_are_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    evaluate([Parrot()], SENTENCES, [Ears()], folder=tmp_path)
    first, second = (tmp_path / f"sentences/voice-parrot/000{n}.json" for n in (1, 2))
    first.write_text("{")
    second.with_suffix(".wav").write_bytes(b"")
    parrot = Parrot()
    evaluate([parrot], SENTENCES, [Ears()], folder=tmp_path)
    assert parrot.said == [SENTENCES[0].text, SENTENCES[1].text]
    assert caplog.text.count("is damaged") == 2


def test_judges_hear_what_is_kept(tmp_path: Path) -> None:
    kept, straight = Ears(), Ears()
    evaluate([Parrot()], SENTENCES[:1], [kept], folder=tmp_path)
    evaluate([Parrot()], SENTENCES[:1], [straight])
    assert kept.audio[0] is not None
    assert straight.audio[0] is not None
    np.testing.assert_array_equal(kept.audio[0].samples, straight.audio[0].samples)
    evaluate([Parrot()], SENTENCES[:1], [again := Ears("others")], folder=tmp_path)
    assert again.audio[0] is not None
    np.testing.assert_array_equal(again.audio[0].samples, kept.audio[0].samples)


def test_recordings_are_pooled(tmp_path: Path) -> None:
    toy.clip(1.0).save(tmp_path / "a.wav")
    own = tuple(replace(each, recording=tmp_path / "a.wav") for each in SENTENCES)
    people = [Recorded("anna", own[:1]), Recorded("ben", own[1:])]
    report = evaluate(people, (), [Ears()], folder=tmp_path / "out")
    assert [len(row.judged) for row in report.rows] == [1, 2]
    (pooled,) = report.pooled
    assert (pooled.name, len(pooled.judged)) == ("all recordings", 3)
    written = page.write(tmp_path / "out", report).read_text(encoding="utf-8")
    for row in report.rows:
        for each in row.judged:
            assert (tmp_path / "out" / each.audio).is_file()
            assert f'src="{each.audio}"' in written
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert found == json.loads(json.dumps(report.as_dict()))


def test_bad_requests(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Nobody is to speak"):
        evaluate([], SENTENCES, [])
    with pytest.raises(ConfigError, match="no sentences"):
        evaluate([Parrot()], (), [])
    with pytest.raises(ConfigError, match="voice-parrot"):
        evaluate([Parrot(), Parrot()], SENTENCES, [])
    with locked(tmp_path, DatasetError), pytest.raises(DatasetError, match="already going on"):
        evaluate([Parrot()], SENTENCES, [], folder=tmp_path)


def test_the_page_is_safe(tmp_path: Path) -> None:
    evil = Sentence("<script>alert('x')</script> & more.", "en")
    report = evaluate([Parrot()], (evil,), [Ears()], folder=tmp_path)
    written = page.write(tmp_path, report).read_text(encoding="utf-8")
    assert "<script" not in written
    assert "default-src 'none'" in written


def _plain(report: Report) -> Any:
    """Without what the clock and the machine's other work say."""
    whole = report.as_dict()
    del whole["facts"]
    for row in whole["rows"]:
        row.pop("load", None)
        for each in row["judged"]:
            del each["load"]
    return whole
