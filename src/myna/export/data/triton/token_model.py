"""Draws the tokens of several sentences at the same time: a model for Triton's Python backend.

A thread owns the engine, which keeps a cache for each sentence. Sentences come and go between
tokens, are answered in parts while they are said, and say the same as alone.
"""

import json
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]
from numpy.typing import NDArray

from myna.checkpoints.store import open_model
from myna.datatypes import Sampling
from myna.engines import load_engine
from myna.engines.base import Generation, TokenRequest
from myna.engines.drawing import Drawing
from myna.errors import ConfigError, MynaError

_PART = 5
"""Tokens of an answer: a fifth of a second of speech."""


class TritonPythonModel:
    """What Triton calls."""

    def initialize(self, args: dict[str, str]) -> None:
        parameters = json.loads(args["model_config"])["parameters"]
        chosen = {name: value["string_value"] for name, value in parameters.items()}
        on_gpu = args["model_instance_kind"] == "GPU"
        self._engine = load_engine(
            open_model(chosen["model"]),
            chosen["engine"],
            device=f"cuda:{args['model_instance_device_id']}" if on_gpu else "cpu",
            precision=chosen["precision"],
        )
        # It holds one: whoever finds no room waits in Triton's queue, which has rules for that.
        self._waiting: queue.Queue[tuple[Any, TokenRequest] | None] = queue.Queue(maxsize=1)
        self._thread = threading.Thread(target=self._run, name="myna-tokens", daemon=True)
        self._thread.start()

    def execute(self, requests: Sequence[Any]) -> None:
        for request in requests:
            sender = request.get_response_sender()
            try:
                asked = _read(request)
            except MynaError as error:
                _refuse(sender, error)
            else:
                self._waiting.put((sender, asked))

    def finalize(self) -> None:
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        generation, saying = self._engine.generation(), list[_Sentence]()
        while True:
            while generation.room:
                try:
                    found = self._waiting.get(block=not saying)
                except queue.Empty:
                    break
                if found is None:
                    return
                try:
                    saying.append(_Sentence(found[0], generation.add(found[1])))
                except Exception as error:  # noqa: BLE001 - one's failure touches no other
                    _refuse(found[0], error)
            saying = _step(generation, saying)


@dataclass(slots=True, eq=False)
class _Sentence:
    """One that is being said."""

    sender: Any
    drawing: Drawing
    told: int = 0
    """Tokens that were sent."""


def _step(generation: Generation, saying: list[_Sentence]) -> list[_Sentence]:
    """Send what was drawn, and draw one token more for those that go on, which are returned."""
    going = []
    for sentence in saying:
        over = sentence.drawing.done or sentence.sender.is_cancelled()
        try:
            if over or sentence.drawing.count - sentence.told >= _PART:
                _tell(sentence, last=over)
        except MynaError as error:
            _refuse(sentence.sender, error)
        if over:
            generation.remove(sentence.drawing)
        else:
            going.append(sentence)
    try:
        if going:
            generation.advance([sentence.drawing for sentence in going])
    except Exception as error:  # noqa: BLE001 - it is told to those whom it concerns
        for sentence in going:
            _refuse(sentence.sender, error)
            generation.remove(sentence.drawing)
        return []
    return going


def _tell(sentence: _Sentence, *, last: bool) -> None:
    """Send the tokens that were not sent yet."""
    drawing = sentence.drawing
    fresh, sentence.told = drawing.ids[sentence.told :], drawing.count
    ended = drawing.done and drawing.result().ended
    outputs = {"tokens": fresh, "done": np.array([drawing.done]), "ended": np.array([ended])}
    sentence.sender.send(
        pb_utils.InferenceResponse(
            output_tensors=[pb_utils.Tensor(name, array[None]) for name, array in outputs.items()]
        ),
        flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL if last else 0,
    )


def _refuse(sender: Any, error: Exception) -> None:
    sender.send(
        pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error))),
        flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL,
    )


def _read(request: Any) -> TokenRequest:
    phones, prompt = _one(request, "phones"), _one(request, "prompt")
    settings = _one(request, "settings")
    assert phones is not None, "Triton refuses requests without what is not optional"
    assert settings is not None, "as well"
    try:
        chosen = json.loads(settings.item())
        seed, part = chosen["seed"], chosen.pop("part", 0)
        sampling = Sampling(**chosen)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"The settings cannot be used: {error}.") from error
    return TokenRequest(
        phones=phones,
        text_features=_one(request, "text_features"),
        sounds=_one(request, "sounds"),
        prompt=np.zeros(0, dtype=np.int64) if prompt is None else prompt,
        sampling=sampling,
        seed=seed,
        part=part,
    )


def _one(request: Any, name: str) -> NDArray[Any] | None:
    """The one sentence of a request."""
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    if tensor is None:
        return None
    array = tensor.as_numpy()
    if len(array) != 1:
        raise ConfigError(f"{name} holds {len(array)} sentences; a request is one sentence.")
    # Copied, since what Triton shares with this process goes when `execute` returns.
    return np.array(array[0])
