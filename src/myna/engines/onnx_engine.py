"""The engine on ONNX Runtime: speech on a CPU, without PyTorch.

What it computes stands in graphs that hold no weights (`myna.engines.graphs`); the weights are
those of the model folder, whoever trained them. Requests run one after another, so neighbours
cannot change an answer. Each graph is made ready when it is first needed, so speaking with a
finished voice never loads what only cloning uses.

Letters in shapes as in `myna.engines.base`, and H heads, D head width, C capacity.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from myna.audio.filter_maps import filter_maps
from myna.checkpoints.store import ModelFolder, ears, open_model, tensors
from myna.datatypes import SemanticTokens
from myna.engines import graphs
from myna.engines.base import DecodeRequest, Floats, Ids, TokenRequest
from myna.engines.drawing import Drawing, check, refuse_spelled
from myna.engines.onnx_sessions import Session, Tensors, cores
from myna.engines.rendering import chance, checked
from myna.engines.word_pieces import WordPieces
from myna.errors import EngineError
from myna.specs import (
    FamilySpec,
    RobertaSpec,
    SourceFilterSpec,
    encoder_spec,
)

_BLOCK = 128
"""Positions by which the cache grows; steps read all of it, what is not used yet under a mask."""

_ALONE = 64 << 20
"""Bytes of the token model below which a step is over before a second thread would have woken."""


class OnnxEngine:
    """An `Engine`.

    Args:
        folder: the family's weights.
        threads: that a computation may use; by default as many as this process has cores.

    Raises:
        ModelNotFoundError: there are no graphs of the family.
        CheckpointError: the graphs are damaged, or do not fit this version.
    """

    def __init__(self, folder: ModelFolder, *, threads: int | None = None) -> None:
        self.spec: FamilySpec = folder.family
        self.fingerprint: str = folder.fingerprint
        self._folder = folder
        self._threads = threads or cores()
        self._graphs = graphs.open_graphs(self.spec)
        self._part = lru_cache(maxsize=None)(self._open_part)

    def ears(self) -> str:
        return ears(self._folder)

    def tokens(self, samples: Floats) -> Ids:
        refuse_spelled(self.spec)
        (tokens,) = self._content.run(samples=samples)
        return tokens

    def timbre(
        self, spectrograms: Sequence[Floats], filterbanks: Sequence[Floats] | None
    ) -> Floats:
        timbres = []
        for index, spectrogram in enumerate(spectrograms):
            inputs = {"spectrogram": np.ascontiguousarray(spectrogram)}
            if filterbanks is not None:
                inputs["speaker"] = self.speaker(filterbanks[index])
            timbres += self._timbre.run(**inputs)
        mean: Floats = np.mean(timbres, axis=0)
        return mean

    def speaker(self, filterbank: Floats) -> Floats:
        if self.spec.speaker_encoder is None:
            raise EngineError(f"Models of the family {self.spec.name} have no speaker vector.")
        (vector,) = self._speaker.run(bands=filterbank)
        return vector

    def text_features(self, text: str) -> Floats:
        (features,) = self._text.run(ids=self._word_pieces.ids(text))
        return features

    def generate(self, requests: Sequence[TokenRequest]) -> Iterator[tuple[int, SemanticTokens]]:
        """See `Engine.generate`.

        Raises:
            EngineError: a request is empty or longer than the model's positions; or, while tokens
                are drawn, the model returned what is not a number.
        """
        spec = self.spec.token_model
        for request in requests:
            check(request, spec)
        return ((index, self._say(request)) for index, request in enumerate(requests))

    def decode(self, request: DecodeRequest) -> Floats:
        """See `Engine.decode`.

        Raises:
            EngineError: there are no tokens, or the result is not a number.
        """
        spec = self.spec.decoder
        drawn = chance(request, spec)
        noise = drawn.noise
        if noise is None:
            frames = spec.frames(len(request.tokens), request.speed)
            noise = np.zeros((spec.hidden, frames), dtype=np.float32)
        inputs = {} if drawn.grain is None else {"grain": drawn.grain}
        (samples,) = self._decode.run(
            tokens=request.tokens,
            phones=request.phones,
            timbre=request.timbre,
            noise=noise,
            **inputs,
        )
        return checked(samples)

    def _say(self, request: TokenRequest) -> SemanticTokens:
        spec = self.spec.token_model
        drawing = Drawing(request, spec)
        features = request.text_features
        if features is None:
            features = np.zeros((len(request.phones), spec.text_features), dtype=np.float32)
        logits, keys, values = self._prefill.run(
            phones=request.phones, features=features, prompt=request.prompt
        )
        drawing.take(logits)
        cache = _Cache(self._step, logits, keys, values)
        while not drawing.done:
            drawing.take(cache.step(drawing.last, drawing.position))
        return drawing.result()

    @cached_property
    def _prefill(self) -> Session:
        return self._session(graphs.PREFILL)

    @cached_property
    def _step(self) -> Session:
        file = self._folder.files["token_model.safetensors"]
        return self._session(graphs.STEP, 1 if file.size < _ALONE else None)

    @cached_property
    def _decode(self) -> Session:
        return self._session(graphs.DECODE)

    @cached_property
    def _timbre(self) -> Session:
        return self._session(graphs.TIMBRE)

    @cached_property
    def _speaker(self) -> Session:
        return self._session(graphs.SPEAKER)

    @cached_property
    def _content(self) -> Session:
        return self._session(graphs.CONTENT)

    @cached_property
    def _text(self) -> Session:
        return self._session(graphs.TEXT)

    @cached_property
    def _word_pieces(self) -> WordPieces:
        name = self.spec.text_encoder
        assert name is not None, "only families with a text encoder ask for it"
        return WordPieces(open_model(name), encoder_spec(name, RobertaSpec))

    def _session(self, name: str, threads: int | None = None) -> Session:
        tables = _tables(self.spec) if name == graphs.DECODE else {}
        return Session(
            self._graphs[name], self._part, tables=tables, threads=threads or self._threads
        )

    def _open_part(self, part: str) -> Tensors:
        encoders = {
            graphs.CONTENT_ENCODER: self.spec.content_encoder,
            graphs.SPEAKER_ENCODER: self.spec.speaker_encoder,
            graphs.TEXT_ENCODER: self.spec.text_encoder,
        }
        if part not in encoders:
            return tensors(self._folder, part)
        name = encoders[part]
        assert name is not None, "a family without an encoder has no graph that reads its weights"
        return tensors(open_model(name), "weights")


def _tables(spec: FamilySpec) -> dict[str, Floats]:
    """What is computed with that is in no file of weights, by its name in a graph."""
    generator = spec.decoder.generator
    if not isinstance(generator, SourceFilterSpec):
        return {}
    maps = filter_maps(generator)
    return {f"{graphs.DECODER}.generator.{name}": table for name, table in maps.items()}


class _Cache:
    """Keys and values of one request, written by the graph where they lie.

    The runtime is given the same arrays to read and to write, so that a step copies nothing.
    """

    def __init__(self, session: Session, logits: Floats, keys: Floats, values: Floats) -> None:
        self._session, self._logits = session, np.empty_like(logits)
        self._token, self._position, self._length = (np.zeros(1, dtype=np.int64) for _ in range(3))
        self._length[0] = keys.shape[3]
        self._make_room(keys, values)

    def step(self, token: int, position: int) -> Floats:
        """Add a token -> logits (V,), which the next step overwrites."""
        if self._length[0] == self._capacity:
            self._make_room(self._keys, self._values)
        self._token[0], self._position[0] = token, position
        self._session.run_bound(self._binding)
        self._length[0] += 1
        return self._logits

    def _make_room(self, keys: Floats, values: Floats) -> None:
        """Go on with copies that have room for more."""
        length = keys.shape[3]
        self._capacity = (length // _BLOCK + 1) * _BLOCK
        layers, heads, width, _ = keys.shape
        # Zeros, since even what is hidden must be a number.
        self._keys = np.zeros((layers, heads, width, self._capacity), dtype=np.float32)
        self._values = np.zeros((layers, heads, self._capacity, width), dtype=np.float32)
        self._keys[..., :length], self._values[:, :, :length] = keys, values
        self._binding = self._bound()

    def _bound(self) -> Any:
        kept = [array for pair in zip(self._keys, self._values, strict=True) for array in pair]
        layers = len(self._keys)
        past, become = (graphs.cache_names(layers, state) for state in ("past", "kept"))
        given = {"token": self._token, "position": self._position, "length": self._length}
        return self._session.bind(
            {**given, **dict(zip(past, kept, strict=True))},
            {"logits": self._logits, **dict(zip(become, kept, strict=True))},
        )
