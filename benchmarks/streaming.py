"""What streaming changes in the sound: pieces against the same sentence decoded at once.

    python benchmarks/streaming.py [--quick]

The published decoders attend to their whole sentence, so a piece that is made before the sentence
is known to its end differs from it. Everything else a sample depends on is within the reach of flow
and generator, which every piece is given. Measured, with the same tokens and noise:

- distance, the log-spectral one: of each frame the root of the mean over all frequencies of the
  squared difference of levels in dB; its mean over frames. Frames of 1024 samples under a Hann
  window every 256; levels not below 80 dB under the loudest of the sentence at once.
- ratio: energy of the sentence at once over that of the difference, in dB. "Behind the last fade"
  is that of samples whose piece knew the whole sentence.
- clicks: each edge of each fade, among all places of the sentence at once that are 2 ms apart. Its
  rank in the largest second difference within 1 ms ("bend") and in the energy above 8 kHz within
  2 ms ("hiss"): the mean, which is 0.5 for places like any other, and how many are above 0.95, as
  1 of 20 places is; then both of the same places at once, since speech is not alike everywhere. "Of
  the difference" ranks bends of the difference, which the sound itself cannot hide, among its own.
- loudness of the fades against the same samples at once, in dB: the mean, and the softest.

For comparison: the sentence at once with other noise; pieces of one second decoded each alone; and
the sentence at once, but every other second 5 ms early, a click that the measure must find.

Weights of published sizes are drawn (`drawn.py`), and so are tokens: this measures overlap, fades,
and how far a change in attention goes, and cannot tell how far ahead trained attention looks; so
scores are drawn twice, mild ("attends to all") and sharp ("attends to some"). `tiny` is trained,
and says real sentences, once as it is, and once with attention that sees all of the sentence.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drawn import LOOK, draw
from measure import prepare, save
from myna import Myna, Sampling, Utterance
from myna.checkpoints.store import open_model
from myna.engines.base import DecodeRequest, Engine, Floats
from myna.engines.torch_engine import TorchEngine
from myna.specs import FAMILIES
from myna.synthesis.performance import Script

PUBLISHED = (
    ("v1", LOOK),
    ("v2", LOOK),
    ("v2", LOOK / 2),
    ("v2Pro", LOOK),
    ("v2ProPlus", LOOK),
)
PACINGS = ((0.5, 1.0), (0.5, 4.0), (1.0, 2.0), (2.0, 4.0))
"""Seconds of the first piece and of later ones."""
SECONDS = (4.0, 7.0)
"""Of the sentences that are drawn."""
PHONES_PER_SECOND = 10
TEXTS = (
    "The quick brown fox jumps over the lazy dog while the old farmer watches from his porch and "
    "wonders what the fuss is all about today.",
    "We are going to the station early in the morning, because it will rain this afternoon and "
    "nobody wants to walk home through the mud.",
)
WINDOW, HOP, FLOOR = 1024, 256, 80.0
HISS = 8000.0
"""Hz"""

Numbers = NDArray[np.float64]


def drawn_requests(family: str, seconds: Sequence[float]) -> list[DecodeRequest]:
    """Sentences of drawn tokens, some of which last."""
    spec, random = FAMILIES[family].decoder, np.random.default_rng(7)
    found = []
    for number, length in enumerate(seconds):
        count = round(length * FAMILIES[family].rate / spec.samples_per_token)
        fresh = np.cumsum(random.random(count) < 0.7)
        tokens = random.integers(0, spec.codes, count + 1)[fresh]
        found.append(
            DecodeRequest(
                tokens=tokens,
                phones=random.integers(1, 300, round(length * PHONES_PER_SECOND)),
                timbre=random.normal(size=spec.timbre).astype(np.float32),
                seed=number,
            )
        )
    return found


def spoken_requests(texts: Sequence[str]) -> list[DecodeRequest]:
    """Sentences as `tiny` says them."""
    myna, found = Myna.load("tiny", precision="float32"), []
    for number, text in enumerate(texts):
        script = Script(
            myna.engine,
            Utterance(text=text, voice=myna.voice(), sampling=Sampling(seed=number)),
            None,
        )
        for index, tokens in myna.engine.generate(script.requests()):
            found.append(replace(script.decoding(index), tokens=tokens.ids))
    return found


def in_pieces(engine: Engine, whole: DecodeRequest, first: float, later: float) -> list[Floats]:
    """As a stream makes them."""
    rendering = engine.rendering(replace(whole, tokens=whole.tokens[:0]))
    pieces, known, count, seconds = list[Floats](), 0, len(whole.tokens), first
    while known < count:
        samples = round(seconds * engine.spec.rate)
        known = min(max(known + 1, rendering.needed(samples)), count)
        piece = rendering.add(whole.tokens[:known], last=known == count)
        if len(piece):
            pieces.append(piece)
            seconds = later
    return pieces


def alone(engine: Engine, whole: DecodeRequest) -> list[Floats]:
    """Pieces of one second that know nothing of each other."""
    step = engine.spec.rate // engine.spec.decoder.samples_per_token
    starts = range(0, len(whole.tokens), step)
    return [
        engine.decode(replace(whole, tokens=whole.tokens[start : start + step])) for start in starts
    ]


def compare(rate: int, fade: int, pairs: Sequence[tuple[Floats, list[Floats]]]) -> dict[str, Any]:
    """How pieces differ from sentences at once.

    Args:
        rate: in Hz.
        fade: samples of one, behind each join; 0 for none.
        pairs: each sentence at once, and its pieces.
    """
    distances, first, errors, energies, behind = [], [], [], [], []
    differences, levels = [], []
    bends, hisses = list[Numbers](), list[Numbers]()
    at_once: tuple[list[Numbers], list[Numbers]] = [], []
    for once, pieces in pairs:
        streamed = np.concatenate(pieces)
        joins = np.cumsum([len(piece) for piece in pieces])[:-1]
        edges = np.unique(np.concatenate([joins, joins + fade]))
        found = distance(streamed, once)
        distances.append(found)
        first.append(found[: max(1, (len(pieces[0]) - WINDOW) // HOP)])
        off = streamed.astype(np.float64) - once
        errors.append(np.square(off).sum())
        energies.append(np.square(once, dtype=np.float64).sum())
        last = int(joins[-1]) + fade if len(joins) else 0
        behind.append(ratio(once[last:], streamed[last:]))
        everywhere = places(once, rate)
        usual = bend(once, everywhere), hiss(once, everywhere, rate)
        for samples, bent, hissed in ((streamed, bends, hisses), (once, *at_once)):
            bent.append(ranks(bend(samples, edges), usual[0]))
            hissed.append(ranks(hiss(samples, edges, rate), usual[1]))
        differences.append(ranks(bend(off, edges), bend(off, places(once[:last], rate))))
        levels += [
            level(streamed[join : join + fade]) - level(once[join : join + fade])
            for join in (joins if fade else ())
        ]
    return {
        "distance in dB": float(np.concatenate(distances).mean()),
        "of the first piece": float(np.concatenate(first).mean()),
        "ratio in dB": float(10 * np.log10(sum(energies) / max(sum(errors), 1e-30))),
        "behind the last fade": min(behind),
        "joins": sum(len(pieces) - 1 for _, pieces in pairs),
        "bend": _summary(bends),
        "of the same places at once": _summary(at_once[0]),
        "hiss": _summary(hisses),
        "hiss of the same places at once": _summary(at_once[1]),
        "bend of the difference": _summary(differences),
        "loudness of fades in dB": [] if not levels else [float(np.mean(levels)), min(levels)],
    }


def distance(one: Floats, other: Floats) -> Numbers:
    """In dB, of each frame."""
    ours, theirs = _levels(one), _levels(other)
    floor = theirs.max() - FLOOR
    off = np.maximum(ours, floor) - np.maximum(theirs, floor)
    found: Numbers = np.sqrt(np.square(off).mean(1))
    return found


def _levels(samples: Floats) -> Numbers:
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    sizes = np.abs(np.fft.rfft(frames * np.hanning(WINDOW)))
    found: Numbers = 20 * np.log10(np.maximum(sizes, 1e-12))
    return found


def ratio(once: Floats, streamed: Floats) -> float:
    """In dB; 200 where nothing differs."""
    error = np.square(streamed.astype(np.float64) - once).sum()
    return float(10 * np.log10(np.square(once, dtype=np.float64).sum() / error)) if error else 200.0


def places(samples: Floats, rate: int) -> NDArray[np.int64]:
    step = rate // 500
    return np.arange(step, len(samples) - step, step)


def bend(samples: NDArray[np.floating[Any]], at: NDArray[np.int64]) -> Numbers:
    """The largest second difference within 1 ms of each place, at about 32 kHz."""
    near = at[:, None] + np.arange(-32, 33)
    curve = np.abs(np.diff(samples.astype(np.float64), 2, prepend=0, append=0))
    found: Numbers = curve[np.clip(near, 1, len(samples) - 2)].max(1)
    return found


def hiss(samples: Floats, at: NDArray[np.int64], rate: int) -> Numbers:
    """Energy above `HISS` within 2 ms around each place."""
    width = rate // 500
    near = at[:, None] + np.arange(-width // 2, width // 2)
    frames = samples[np.clip(near, 0, len(samples) - 1)] * np.hanning(width)
    high = np.fft.rfftfreq(width, 1 / rate) >= HISS
    found: Numbers = np.square(np.abs(np.fft.rfft(frames)[:, high])).sum(1)
    return found


def ranks(these: Numbers, among: Numbers) -> Numbers:
    """The share of others that each is larger than."""
    return np.searchsorted(np.sort(among), these) / max(len(among), 1)


def level(samples: Floats) -> float:
    return float(10 * np.log10(np.square(samples, dtype=np.float64).mean() + 1e-12))


def _summary(found: Sequence[Numbers]) -> dict[str, float]:
    all_ranks = np.concatenate(found)
    if not len(all_ranks):
        return {}
    return {"mean rank": float(all_ranks.mean()), "above 0.95": float((all_ranks > 0.95).mean())}


def rows_of(
    engine: Engine, requests: Sequence[DecodeRequest], pacings: Sequence[tuple[float, float]]
) -> dict[str, Any]:
    """All measurements of one engine."""
    spec, rate = engine.spec.decoder, engine.spec.rate
    once = [engine.decode(request) for request in requests]
    fade = spec.generator.hop if spec.sight is None else 0
    rows = {}
    for first, later in pacings:
        pairs = [
            (whole, in_pieces(engine, request, first, later))
            for whole, request in zip(once, requests, strict=True)
        ]
        rows[f"first {first:g} s, later {later:g} s"] = {
            **compare(rate, fade, pairs),
            "distance by piece": by_piece(*pairs[-1]),
        }
    apart = [(whole, alone(engine, request)) for whole, request in zip(once, requests, strict=True)]
    rows["each second alone"] = compare(rate, 0, apart)
    noisy = [engine.decode(replace(request, seed=request.seed + 100)) for request in requests]
    off = [distance(other, whole).mean() for other, whole in zip(noisy, once, strict=True)]
    rows["other noise"] = {"distance in dB": float(np.mean(off))}
    clicks = [(whole, with_clicks(whole, rate)) for whole in once]
    rows["clicks"] = compare(rate, 0, clicks)
    return rows


def with_clicks(once: Floats, second: int) -> list[Floats]:
    """Every other second is early."""
    early = np.roll(once, -second // 200)
    starts = range(0, len(once), second)
    return [
        (early if number % 2 else once)[start : start + second]
        for number, start in enumerate(starts)
    ]


def by_piece(once: Floats, pieces: Sequence[Floats]) -> list[float]:
    """Distance of one piece after another."""
    found, start = [], 0
    for piece in pieces:
        if len(piece) >= WINDOW:
            found.append(float(distance(piece, once[start : start + len(piece)]).mean()))
        start += len(piece)
    return found


def published(family: str, look: float) -> TorchEngine:
    """Of drawn weights."""
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder), family, encoders=False, look=look)
        engine = TorchEngine(open_model(Path(folder, "models", family)), device="cpu")
        engine.decode(drawn_requests(family, [0.5])[0])  # takes its weights
    return engine


def all_seeing() -> TorchEngine:
    """`tiny` with attention to the whole sentence, as published decoders have it."""
    engine = TorchEngine(open_model("tiny"), device="cpu")
    decoder = replace(engine.spec.decoder, sight=None)
    engine.spec = replace(engine.spec, decoder=decoder)
    return engine


def main() -> None:
    """Measure, print and save."""
    prepare()
    quick = "--quick" in sys.argv
    seconds, pacings = (SECONDS[:1], PACINGS[:1]) if quick else (SECONDS, PACINGS)
    rows: dict[str, Any] = {}
    said = spoken_requests(TEXTS[:1] if quick else TEXTS)
    as_it_is = Myna.load("tiny", precision="float32").engine
    for name, engine in (("tiny", as_it_is), ("tiny, attends to all", all_seeing())):
        report(name, rows.setdefault(name, rows_of(engine, said, pacings)))
    for family, look in PUBLISHED[1:2] if quick else PUBLISHED:
        name = f"{family}, attends to {'some' if look == LOOK else 'all'}"
        found = rows_of(published(family, look), drawn_requests(family, seconds), pacings)
        report(name, rows.setdefault(name, found))
    if not quick:
        save("streaming", rows)


def report(name: str, rows: dict[str, Any]) -> None:
    """Print."""
    for kind, row in rows.items():
        print(f"{name:28s} {kind:24s} " + ", ".join(f"{key} {_short(x)}" for key, x in row.items()))


def _short(found: Any) -> str:
    if isinstance(found, dict):
        return "/".join(_short(value) for value in found.values())
    if isinstance(found, list):
        return " ".join(_short(value) for value in found)
    return f"{found:.2f}" if isinstance(found, float) else str(found)


if __name__ == "__main__":
    main()
