"""The engine on ONNX Runtime: speech on a CPU, without PyTorch.

What it computes stands in graphs that hold no weights (`myna.engines.graphs`); the weights are
those of the model folder, whoever trained them. Requests run one after another, so neighbours
cannot change an answer. Each graph is made ready when it is first needed, or before, while others
read (`get_ready`); so speaking with a finished voice never loads what only cloning uses.

Letters in shapes as in `myna.engines.base`, and H heads, D head width, C capacity.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna.checkpoints.store import ModelFolder, ears, open_model
from myna.datatypes import SemanticTokens
from myna.engines import bundles, graphs
from myna.engines.base import DecodeRequest, Floats, Ids, TokenRequest
from myna.engines.drawing import Drawing, check, refuse_spelled
from myna.engines.generating import generate
from myna.engines.graph_weights import part_opener, tables_of
from myna.engines.onnx_caches import Cache, FusedCache, PlainCache
from myna.engines.onnx_sessions import Session, cores
from myna.engines.rendering import Part, Rendering
from myna.engines.word_pieces import WordPieces
from myna.errors import EngineError
from myna.specs import (
    FamilySpec,
    RobertaSpec,
    TokenModelSpec,
    encoder_spec,
)

_SLOTS = 64
"""Requests that are said at the same time."""

_ALONE = 64 << 20
"""Bytes of the token model below which a step is over before a second thread would have woken."""


class OnnxEngine:
    """An `Engine`.

    Args:
        folder: the family's weights.
        threads: that a computation may use; by default as many as this process has cores.
        precision: "float32" or "int8", in which the token model computes; "auto" is what the
            folder was exported for, or else what is usual of the family.

    Raises:
        ModelNotFoundError: there are no graphs of the family.
        CheckpointError: the graphs are damaged, or do not fit this version.
    """

    def __init__(
        self, folder: ModelFolder, *, threads: int | None = None, precision: str = "auto"
    ) -> None:
        self.spec: FamilySpec = folder.family
        self.fingerprint: str = folder.fingerprint
        self._folder = folder
        self._threads = threads or cores()
        self._precision = bundles.chosen(folder.path, precision, self.spec.precision)
        self._graphs = graphs.open_graphs(self.spec, folder.path, precision=self._precision)
        self._part = part_opener(folder)

    def get_ready(self) -> None:
        # The decoder takes longest.
        self._decode, self._prefill, self._step  # noqa: B018 - each begins when it is named

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
        for request in requests:
            check(request, self.spec.token_model)
        return generate(self.generation(), requests)

    def generation(self) -> "Caches":
        workers = self._threads if self._alone else 1
        cache = FusedCache if self._precision == graphs.INT8 else PlainCache
        return Caches(self._prefill, self._step, cache, self.spec.token_model, workers)

    def decode(self, request: DecodeRequest) -> Floats:
        """See `Engine.decode`.

        Raises:
            EngineError: there are no tokens, or the result is not a number.
        """
        return self.rendering(request).add(request.tokens, last=True)

    def rendering(self, request: DecodeRequest) -> Rendering:
        return Rendering(self._compute, request, self.spec.decoder)

    def _compute(self, part: Part) -> tuple[Floats, NDArray[np.float64] | None]:
        noise, source = part.noise, dict[str, NDArray[Any]]()
        if noise is None:
            noise = np.zeros((self.spec.decoder.hidden, len(part.places)), dtype=np.float32)
        if part.grain is not None:
            source = {
                "grain": part.grain,
                "since": np.array([part.since], dtype=np.int64),
                "turned": np.array([part.turned]),
            }
        samples, *turns = self._decode.run(
            tokens=part.tokens,
            phones=part.phones,
            timbre=part.timbre,
            places=part.places,
            noise=noise,
            **source,
        )
        return samples, turns[0] if turns else None

    @cached_property
    def _prefill(self) -> Session:
        return self._session(graphs.PREFILL)

    @cached_property
    def _step(self) -> Session:
        name = graphs.STEP_INT8 if self._precision == graphs.INT8 else graphs.STEP
        return self._session(name, 1 if self._alone else None)

    @property
    def _alone(self) -> bool:
        """Whether a step is one thread's."""
        return self._folder.files["token_model.safetensors"].size < _ALONE

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
        tables = tables_of(self.spec, name)
        return Session(
            self._graphs[name], self._part, tables=tables, threads=threads or self._threads
        )


class Caches:
    """A `Generation`: each request computes alone, with a cache of its own.

    Args:
        prefill, step: the token model's graphs.
        cache: of this kind of step.
        spec: of the token model.
        workers: threads that each advance a request, for steps that leave cores idle.
    """

    def __init__(
        self,
        prefill: Session,
        step: Session,
        cache: type[Cache],
        spec: TokenModelSpec,
        workers: int = 1,
    ) -> None:
        self._prefill, self._step, self._spec = prefill, step, spec
        self._cache, self._workers = cache, workers
        self._caches: dict[Drawing, Cache] = {}

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._workers, thread_name_prefix="myna-step")

    @property
    def room(self) -> int:
        return _SLOTS - len(self._caches)

    @property
    def together(self) -> int:
        return self._workers

    def add(self, request: TokenRequest) -> Drawing:
        check(request, self._spec)
        drawing, features = Drawing(request, self._spec), request.text_features
        if features is None:
            features = np.zeros((len(request.phones), self._spec.text_features), dtype=np.float32)
        logits, keys, values = self._prefill.run(
            phones=request.phones, features=features, prompt=request.prompt
        )
        drawing.take(logits)
        self._caches[drawing] = self._cache(self._step, logits, keys, values)
        return drawing

    def advance(self, drawings: Sequence[Drawing]) -> None:
        if self._workers == 1 or len(drawings) == 1:
            for drawing in drawings:
                self._take(drawing)
        else:
            list(self._pool.map(self._take, drawings))

    def _take(self, drawing: Drawing) -> None:
        drawing.take(self._caches[drawing].step(drawing.last, drawing.position))

    def remove(self, drawing: Drawing) -> None:
        del self._caches[drawing]
