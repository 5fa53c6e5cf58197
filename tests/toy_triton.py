"""A stand-in for Triton Inference Server that serves a model repository in this process.

It knows what our models use of the documented interface (`triton_python_backend_utils`), and
refuses what Triton refuses: tensors that do not fit the configuration, answers behind the last one,
an answer too few. Real are the files: configurations are read, model.py is run as it lies there,
and ONNX files run on ONNX Runtime.
"""

from __future__ import annotations

import importlib.util
import json
import queue
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

FINAL = 1
_PATIENCE = 60.0
"""Seconds after which a request has been forgotten."""
_TYPES = {
    "TYPE_STRING": np.object_,
    "TYPE_BOOL": np.bool_,
    "TYPE_INT64": np.int64,
    "TYPE_FP32": np.float32,
    "TYPE_FP64": np.float64,
}
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[\w.+-]+|[{}\[\]:,]')


def read_config(path: Path) -> dict[str, list[Any]]:
    """A message in the text format of protocol buffers; every field is a list of its values."""
    return _message(_TOKEN.findall(path.read_text("utf-8")))


def _message(tokens: list[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    while tokens and tokens[0] != "}":
        values = found.setdefault(tokens.pop(0), [])
        if tokens[0] == "{":
            tokens.pop(0)
            values.append(_message(tokens))
            tokens.pop(0)
        elif tokens[1] == "[":
            end = tokens.index("]")
            values += [_scalar(each) for each in tokens[2:end] if each != ","]
            del tokens[: end + 1]
        else:
            values.append(_scalar(tokens[1]))
            del tokens[:2]
    return found


def _scalar(word: str) -> Any:
    if word[0] == '"' or word in ("true", "false") or re.fullmatch(r"-?\d+", word):
        return json.loads(word)
    return word


@dataclass
class Tensor:
    held: str
    array: np.ndarray

    def name(self) -> str:
        return self.held

    def as_numpy(self) -> np.ndarray:
        return self.array


class TritonError:
    INTERNAL, INVALID_ARG = 2, 4

    def __init__(self, message: str, code: int = INTERNAL) -> None:
        self._message, self.code = message, code

    def message(self) -> str:
        return self._message


@dataclass
class InferenceResponse:
    tensors: Sequence[Tensor] = ()
    refusal: TritonError | None = None

    def has_error(self) -> bool:
        return self.refusal is not None

    def error(self) -> TritonError | None:
        return self.refusal

    def output_tensors(self) -> Sequence[Tensor]:
        return self.tensors

    def __getitem__(self, name: str) -> np.ndarray:
        return next(each.array for each in self.tensors if each.held == name)


class Sender:
    """Takes the answers to one request, from any thread; iterate over it for them."""

    def __init__(self, patience: int | None) -> None:
        self._patience = patience
        self._answers: queue.SimpleQueue[InferenceResponse | None] = queue.SimpleQueue()
        self._sent = 0
        self._closed = False

    def send(self, response: InferenceResponse | None = None, flags: int = 0) -> None:
        assert not self._closed, "an answer behind the last one"
        if response is not None:
            self._sent += 1
            self._answers.put(response)
        if flags == FINAL:
            self._closed = True
            self._answers.put(None)

    def is_cancelled(self) -> bool:
        return self._patience is not None and self._sent >= self._patience

    def __iter__(self) -> Iterator[InferenceResponse]:
        while (answer := self._answers.get(timeout=_PATIENCE)) is not None:
            yield answer


@dataclass
class Request:
    tensors: Sequence[Tensor]
    sender: Sender

    def get_response_sender(self) -> Sender:
        return self.sender


class Server:
    """Serves the models of a repository; `close` ends it."""

    def __init__(self, repository: Path) -> None:
        self.configs = {
            path.parent.name: read_config(path) for path in repository.glob("*/config.pbtxt")
        }
        self.asked: list[str] = []
        """Models, in the order of their requests."""
        sys.modules["triton_python_backend_utils"] = self._utils()
        self._models = {
            name: self._python(repository / name, config)
            if config["backend"] == ["python"]
            else _Onnx(repository / name / "1" / config["default_model_filename"][0])
            for name, config in self.configs.items()
        }

    def close(self) -> None:
        for model in self._models.values():
            if hasattr(model, "finalize"):
                model.finalize()
        del sys.modules["triton_python_backend_utils"]

    def ask(
        self, model: str, inputs: Mapping[str, Any], patience: int | None = None
    ) -> list[InferenceResponse]:
        """What a client hears who leaves after so many answers."""
        (answers,) = self.start(model, [inputs], patience)
        return list(answers)

    def start(
        self, model: str, asked: Sequence[Mapping[str, Any]], patience: int | None = None
    ) -> list[Iterator[InferenceResponse]]:
        """Requests that Triton hands over at once; answers as they come."""
        config = self.configs[model]
        requests = []
        for inputs in asked:
            tensors = [Tensor(name, np.asarray(value)) for name, value in inputs.items()]
            self._check(config, "input", tensors)
            requests.append(Request(tensors, Sender(patience)))
        assert len(requests) <= max(1, config["max_batch_size"][0])
        self.asked += [model] * len(requests)
        made = self._models[model].execute(requests)
        if self._decoupled(model):
            assert made is None
            return [self._checked(config, request.sender) for request in requests]
        return [self._checked(config, [response]) for response in made]

    def _checked(
        self, config: dict[str, list[Any]], answers: Iterable[InferenceResponse]
    ) -> Iterator[InferenceResponse]:
        for answer in answers:
            if not answer.has_error():
                self._check(config, "output", answer.tensors)
            yield answer

    def _decoupled(self, model: str) -> bool:
        policy = self.configs[model].get("model_transaction_policy", [{}])[0]
        return policy.get("decoupled") == [True]

    def _check(self, config: dict[str, list[Any]], end: str, tensors: Sequence[Tensor]) -> None:
        declared = {each["name"][0]: each for each in config[end]}
        given = {tensor.held: tensor.array for tensor in tensors}
        assert set(given) <= set(declared), f"{set(given) - set(declared)} in none of {end}"
        for name, each in declared.items():
            if name not in given:
                assert each.get("optional") == [True], f"{name} is missing"
                continue
            array = given[name]
            assert array.dtype == _TYPES[each["data_type"][0]], f"{name} is {array.dtype}"
            batch = [-1] if config["max_batch_size"][0] else []
            shape = [*batch, *each["dims"]]
            fits = [axis in (-1, length) for axis, length in zip(shape, array.shape, strict=True)]
            assert all(fits), f"{name} has the shape {array.shape}, not {shape}"

    def _python(self, folder: Path, config: dict[str, list[Any]]) -> Any:
        spec = importlib.util.spec_from_file_location(folder.name, folder / "1" / "model.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        parameters = {
            each["key"][0]: {"string_value": each["value"][0]["string_value"][0]}
            for each in config["parameters"]
        }
        model = module.TritonPythonModel()
        model.initialize(
            {
                "model_config": json.dumps({"parameters": parameters}),
                "model_instance_kind": "CPU",
                "model_instance_device_id": "0",
            }
        )
        return model

    def _utils(self) -> ModuleType:
        server = self

        class InferenceRequest:
            def __init__(self, **given: Any) -> None:
                self.given = given

            def exec(self, decoupled: bool = False) -> Any:
                model = self.given["model_name"]
                assert decoupled == server._decoupled(model)
                inputs = {each.held: each.array for each in self.given["inputs"]}
                (answers,) = server.start(model, [inputs])
                answers = self._wanted(answers)
                return answers if decoupled else next(answers)

            def _wanted(self, answers: Iterable[InferenceResponse]) -> Iterator[InferenceResponse]:
                names = self.given["requested_output_names"]
                for answer in answers:
                    answer.tensors = [each for each in answer.tensors if each.held in names]
                    yield answer

        utils = ModuleType("triton_python_backend_utils")
        utils.__dict__.update(
            InferenceRequest=InferenceRequest,
            InferenceResponse=_response,
            Tensor=_tensor,
            TritonError=TritonError,
            TritonModelException=type("TritonModelException", (Exception,), {}),
            PreferredMemory=lambda *_: None,
            TRITONSERVER_MEMORY_CPU=0,
            TRITONSERVER_RESPONSE_COMPLETE_FINAL=FINAL,
            get_input_tensor_by_name=_named,
            get_output_tensor_by_name=_named,
        )
        return utils


class _Onnx:
    """Triton's backend for ONNX Runtime."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def execute(self, requests: Sequence[Request]) -> list[InferenceResponse]:
        names = [each.name for each in self._session.get_outputs()]
        responses = []
        for request in requests:
            inputs = {each.held: each.array for each in request.tensors}
            found = self._session.run(names, inputs)
            tensors = [Tensor(name, array) for name, array in zip(names, found, strict=True)]
            responses.append(InferenceResponse(tensors))
        return responses


def _response(
    output_tensors: Sequence[Tensor] = (), error: TritonError | None = None
) -> InferenceResponse:
    return InferenceResponse(list(output_tensors), error)


def _tensor(name: str, array: np.ndarray) -> Tensor:
    assert array.flags.c_contiguous, "Triton takes the bytes as they lie"
    return Tensor(name, array)


def _named(holder: Request | InferenceResponse, name: str) -> Tensor | None:
    return next((each for each in holder.tensors if each.held == name), None)
