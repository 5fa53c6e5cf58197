"""Texts to speech, piece by piece: the front of a repository for Triton's Python backend.

It reads texts and cuts speech into pieces, as `Myna.stream` does; tokens are drawn by the model
`token_model` beside it, and decoded by `decoder`. A process answers one request at a time.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from functools import cached_property
from typing import Any, cast

import numpy as np
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]
from numpy.typing import NDArray

from myna import Audio, Delivery, Myna, Sampling
from myna.checkpoints.store import open_model
from myna.datatypes import Pacing, SemanticTokens
from myna.engines.base import Generation, TokenRequest
from myna.engines.drawing import Drawing
from myna.engines.onnx_engine import OnnxEngine
from myna.engines.onnx_sessions import Session
from myna.errors import ConfigError, EngineError, MynaError, VoiceError

_GROWTH = 1.5
"""Of pieces, where the client chooses none."""


class TritonPythonModel:
    """What Triton calls."""

    def initialize(self, args: dict[str, str]) -> None:
        parameters = json.loads(args["model_config"])["parameters"]
        chosen = {name: value["string_value"] for name, value in parameters.items()}
        folder = open_model(chosen["model"])
        if folder.fingerprint != chosen["fingerprint"]:
            raise pb_utils.TritonModelException(
                f"The model {chosen['model']} here has other weights than the decoder of this "
                f"repository. Write the repository again."
            )
        engine = _Engine(folder)
        engine.outputs = chosen["decoder_outputs"].split()
        self._myna = Myna(engine, voices=folder.voices)

    def execute(self, requests: Sequence[Any]) -> None:
        for request in requests:
            sender = request.get_response_sender()
            try:
                for piece in self._pieces(request):
                    sender.send(_answer(samples=piece.samples, rate=np.array([piece.rate])))
                    if sender.is_cancelled():  # before work on the next piece
                        break
            except MynaError as error:
                sender.send(_refusal(error))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def _pieces(self, request: Any) -> Iterator[Audio]:
        voice = _word(request, "voice")
        # A voice may also be a file, which is not for clients to choose.
        if voice is not None and voice not in self._myna.voices:
            raise VoiceError(
                f"There is no voice {voice!r} here; there are {', '.join(self._myna.voices)}."
            )
        return self._myna.stream(
            _word(request, "text") or "",
            voice,
            language=_word(request, "language") or "auto",
            sampling=Sampling(**_chosen(request, Sampling)),
            delivery=Delivery(**_chosen(request, Delivery)),
            # What is said may not depend on how busy the machine is.
            pacing=Pacing(**{"growth": _GROWTH, **_chosen(request, Pacing)}),
        )


class _Engine(OnnxEngine):
    """Reads here; draws tokens and decodes in the other models of the repository."""

    outputs: Sequence[str]
    """Of the decoder."""

    def get_ready(self) -> None:
        """The models of the repository are."""

    def generation(self) -> Generation:  # type: ignore[override]
        return _Generation()

    @cached_property
    def _decode(self) -> Session:
        return cast(Session, _Elsewhere("decoder", self.outputs))


class _Elsewhere:
    """A graph that another model of the repository runs."""

    def __init__(self, model: str, outputs: Sequence[str]) -> None:
        self._model, self._outputs = model, list(outputs)

    def run(self, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
        response = _asked(self._model, self._outputs, inputs).exec()
        return [_output(response, name) for name in self._outputs]


class _Generation:
    """Sentences whose tokens another model draws; it knows best how many at a time."""

    room = together = 1

    def add(self, request: TokenRequest) -> Drawing:
        return cast(Drawing, _Drawing(request))

    def advance(self, drawings: Sequence[Drawing]) -> None:
        for drawing in drawings:
            cast(_Drawing, drawing).take()

    def remove(self, drawing: Drawing) -> None:
        """There is nothing to free."""


class _Drawing:
    """The tokens of one sentence, as they come."""

    def __init__(self, request: TokenRequest) -> None:
        optional = {
            "text_features": request.text_features,
            "sounds": request.sounds,
            "prompt": request.prompt if len(request.prompt) else None,
        }
        settings = {**asdict(request.sampling), "seed": request.seed, "part": request.part}
        inputs = {
            "phones": request.phones,
            **{name: array for name, array in optional.items() if array is not None},
            "settings": np.array([json.dumps(settings).encode()], dtype=np.object_),
        }
        batch = {name: array[None] for name, array in inputs.items()}
        asked = _asked("token_model", ["tokens", "done", "ended"], batch)
        self._answers = iter(asked.exec(decoupled=True))
        self.ids, self.done, self._ended = np.zeros(0, dtype=np.int64), False, False
        self.take()

    @property
    def count(self) -> int:
        return len(self.ids)

    def take(self) -> None:
        """Wait for some more."""
        answer = next(self._answers, None)
        if answer is None:
            raise EngineError("The model token_model left a sentence without an end.")
        fresh, done, ended = (_output(answer, name)[0] for name in ("tokens", "done", "ended"))
        self.ids = np.concatenate([self.ids, fresh])
        self.done, self._ended = bool(done[0]), bool(ended[0])

    def result(self) -> SemanticTokens:
        return SemanticTokens(ids=self.ids, ended=self._ended)


def _asked(model: str, outputs: Sequence[str], inputs: dict[str, NDArray[Any]]) -> Any:
    return pb_utils.InferenceRequest(
        model_name=model,
        requested_output_names=list(outputs),
        inputs=[pb_utils.Tensor(name, np.ascontiguousarray(each)) for name, each in inputs.items()],
        preferred_memory=pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU, 0),
    )


def _output(response: Any, name: str) -> NDArray[Any]:
    if response.has_error():
        raise EngineError(response.error().message())
    # Copied, since what Triton shares with this process goes with the response.
    return np.array(pb_utils.get_output_tensor_by_name(response, name).as_numpy())


def _answer(**outputs: NDArray[Any]) -> Any:
    return pb_utils.InferenceResponse(
        output_tensors=[pb_utils.Tensor(name, array) for name, array in outputs.items()]
    )


def _refusal(error: MynaError) -> Any:
    ours = isinstance(error, EngineError)
    code = pb_utils.TritonError.INTERNAL if ours else pb_utils.TritonError.INVALID_ARG
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error), code))


def _chosen(request: Any, settings: type[Sampling | Delivery | Pacing]) -> dict[str, Any]:
    found = {each.name: _given(request, each.name) for each in fields(settings)}
    return {name: array.item() for name, array in found.items() if array is not None}


def _word(request: Any, name: str) -> str | None:
    found = _given(request, name)
    if found is None:
        return None
    try:
        return str(found.item().decode())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} is not UTF-8: {error}.") from error


def _given(request: Any, name: str) -> NDArray[Any] | None:
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return None if tensor is None else tensor.as_numpy()
