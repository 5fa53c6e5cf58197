"""The engine on PyTorch: full precision on a CPU, half precision and CUDA graphs on a GPU.

Weights come from memory-mapped files and are converted only where the device wants another
precision; weight normalisation is folded at load. A model is loaded when it is first needed, so
speaking with a finished voice never loads what only cloning uses. Nothing global is changed: the
number of threads, for one, is the process's own affair.

Letters in shapes as in `myna.engines.base`.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn

from myna.checkpoints.store import ModelFolder, ears, open_model
from myna.datatypes import SemanticTokens
from myna.engines.base import DecodeRequest, Floats, Ids, TokenRequest
from myna.engines.drawing import check, longest, refuse_spelled
from myna.engines.generating import generate
from myna.engines.rendering import Part, Rendering
from myna.engines.torch_stepping import EagerStepper, GraphStepper, Slots, Stepper
from myna.engines.word_pieces import WordPieces
from myna.errors import ConfigError, EngineError
from myna.nets.decoder import Decoder
from myna.nets.ecapa import Ecapa
from myna.nets.eres2net import ERes2NetV2, fuse
from myna.nets.hubert import Hubert
from myna.nets.prior_encoder import picked
from myna.nets.reference_encoder import full_mask
from myna.nets.roberta import Roberta
from myna.nets.source_filter import Since
from myna.nets.token_model import TokenModel
from myna.nets.weight_norm import load_folded
from myna.specs import (
    ENCODERS,
    EcapaSpec,
    ERes2NetSpec,
    FamilySpec,
    HubertSpec,
    RobertaSpec,
    encoder_spec,
)

Net = TypeVar("Net", bound=nn.Module)

_GRAPH_CAPACITY = 3072
"""Positions of each slot on a GPU: two minutes of prompt and speech, or less with more text."""

_PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class TorchEngine:
    """An `Engine`.

    Args:
        folder: the family's weights.
        device: "cpu", "cuda", "cuda:1" ...; "auto" takes a GPU if there is one.
        precision: "float32", "float16" or "bfloat16"; "auto" is float32 on a CPU and float16 on a
            GPU. Cloning always computes in float32: it is done once per voice, and rounding there
            would change the voice.
        slots: requests decoded at the same time.
        lanes: rows a matrix product on a CPU works on together, see `myna.nets.lanes`.
    """

    def __init__(
        self,
        folder: ModelFolder,
        *,
        device: str = "auto",
        precision: str = "auto",
        slots: int = 8,
        lanes: int = 2,
    ) -> None:
        self.spec: FamilySpec = folder.family
        self.fingerprint: str = folder.fingerprint
        self._folder = folder
        self._device = _pick_device(device)
        self._dtype = _pick_precision(precision, self._device)
        self._slots, self._lanes = slots, lanes

    def get_ready(self) -> None:
        """Weights are read where they lie, which takes no time that is worth a thread."""

    def ears(self) -> str:
        return ears(self._folder)

    def content(self, samples: Floats) -> Floats:
        """Content features (E, C) of speech, samples (N,) at `CONTENT_RATE`."""
        with torch.inference_mode():
            return self._content(samples)[0].cpu().numpy()

    def tokens(self, samples: Floats) -> Ids:
        refuse_spelled(self.spec)
        with torch.inference_mode():
            tokens = self._cloning_decoder.tokens(self._content(samples).transpose(1, 2))
        return tokens[0].cpu().numpy()

    def timbre(
        self, spectrograms: Sequence[Floats], filterbanks: Sequence[Floats] | None
    ) -> Floats:
        decoder, timbres = self._cloning_decoder, []
        with torch.inference_mode():
            for index, spectrogram in enumerate(spectrograms):
                heard = torch.from_numpy(spectrogram)[None].to(self._device)
                speaker = None
                if filterbanks is not None:
                    bands = torch.from_numpy(filterbanks[index])[None].to(self._device)
                    speaker = self._speaker_encoder(bands)
                timbres.append(decoder.timbre(heard, full_mask(heard), speaker))
            mean = torch.stack(timbres).mean(0)[0, :, 0]
        return mean.cpu().numpy()

    def speaker(self, filterbank: Floats) -> Floats:
        if self.spec.speaker_encoder is None:
            raise EngineError(f"Models of the family {self.spec.name} have no speaker vector.")
        with torch.inference_mode():
            bands = torch.from_numpy(filterbank)[None].to(self._device)
            vector = self._speaker_encoder(bands)[0]
        return vector.cpu().numpy()

    def text_features(self, text: str) -> Floats:
        roberta, pieces = self._text_encoder
        ids = torch.from_numpy(pieces.ids(text))
        with torch.inference_mode():
            features = roberta(ids.to(self._device))[1:-1]
        return features.float().cpu().numpy()

    def generate(self, requests: Sequence[TokenRequest]) -> Iterator[tuple[int, SemanticTokens]]:
        """See `Engine.generate`.

        Raises:
            EngineError: a request is empty or longer than the model's positions; or, while tokens
                are drawn, the model returned what is not a number.
        """
        for request in requests:
            self._check(request)
        return generate(self.generation(), requests)

    def generation(self) -> Slots:
        return Slots(self._stepper(), self.spec.token_model)

    def decode(self, request: DecodeRequest) -> Floats:
        """See `Engine.decode`.

        Raises:
            EngineError: there are no tokens, or the result is not a number.
        """
        return self.rendering(request).add(request.tokens, last=True)

    def rendering(self, request: DecodeRequest) -> Rendering:
        return Rendering(self._compute, request, self.spec.decoder)

    def _compute(self, part: Part) -> tuple[Floats, NDArray[np.float64] | None]:
        decoder = self._decoder
        timbre = torch.tensor(part.timbre)[None, :, None].to(self._device, self._dtype)
        since = Since(
            torch.tensor([part.since], device=self._device),
            torch.tensor([part.turned], dtype=torch.double, device=self._device),
        )
        with torch.inference_mode():
            joined = decoder.join(
                torch.tensor(part.tokens)[None].to(self._device),
                torch.tensor(part.phones)[None].to(self._device),
                timbre,
            )
            samples, turns = decoder.sound(
                picked(joined, torch.from_numpy(part.places).to(self._device)),
                timbre,
                self._given(part.noise),
                self._given(part.grain),
                since,
            )
        turned = None if turns is None else turns[0].cpu().numpy()
        return samples[0].float().cpu().numpy(), turned

    def _given(self, drawn: Floats | None) -> Tensor | None:
        """(...) -> (1, ...)"""
        if drawn is None:
            return None
        return torch.from_numpy(drawn)[None].to(self._device, self._dtype)

    def _content(self, samples: Floats) -> Tensor:
        """(1, E, C), 50 frames per second."""
        return self._content_encoder(torch.from_numpy(samples)[None].to(self._device))

    def _stepper(self) -> Stepper:
        if self._device.type == "cuda":
            return self._graph_stepper
        return EagerStepper(self._token_model, slots=self._slots, lanes=self._lanes)

    def _check(self, request: TokenRequest) -> None:
        spec = self.spec.token_model
        check(request, spec)
        positions = longest(request, spec)
        if self._device.type == "cuda" and positions > _GRAPH_CAPACITY:
            raise EngineError(
                f"A sentence needs {positions} positions; on a GPU there are {_GRAPH_CAPACITY}. "
                f"Cut the text into shorter sentences, or lower longest_seconds."
            )

    @cached_property
    def _graph_stepper(self) -> GraphStepper:
        # Shapes decide which kernels run, so they are the same for every call.
        capacity = _GRAPH_CAPACITY
        return GraphStepper(self._token_model, slots=self._slots, capacity=capacity, graph=True)

    @cached_property
    def _token_model(self) -> TokenModel:
        return self._load(
            lambda: TokenModel(self.spec.token_model), self._folder, "token_model", self._dtype
        )

    @cached_property
    def _decoder(self) -> Decoder:
        return self._load_decoder(self._dtype)

    @cached_property
    def _cloning_decoder(self) -> Decoder:
        exact = self._dtype == torch.float32
        return self._decoder if exact else self._load_decoder(torch.float32)

    def _load_decoder(self, dtype: torch.dtype) -> Decoder:
        return self._load(lambda: Decoder(self.spec.decoder), self._folder, "decoder", dtype)

    @cached_property
    def _content_encoder(self) -> Hubert:
        name = self.spec.content_encoder
        assert name is not None, "only families with a content encoder ask for it"
        return self._load_encoder(lambda: Hubert(encoder_spec(name, HubertSpec)), name)

    @cached_property
    def _speaker_encoder(self) -> ERes2NetV2 | Ecapa:
        name = self.spec.speaker_encoder
        assert name is not None, "only families with a speaker vector ask for it"
        spec = ENCODERS[name]
        if isinstance(spec, EcapaSpec):
            return self._load_encoder(lambda: Ecapa(spec), name)
        net = self._load_encoder(lambda: ERes2NetV2(encoder_spec(name, ERes2NetSpec)), name)
        return fuse(net)

    @cached_property
    def _text_encoder(self) -> tuple[Roberta, WordPieces]:
        name = self.spec.text_encoder
        assert name is not None, "only families with a text encoder ask for it"
        spec = encoder_spec(name, RobertaSpec)
        return self._load_encoder(lambda: Roberta(spec), name), WordPieces(open_model(name), spec)

    def _load_encoder(self, build: Callable[[], Net], name: str) -> Net:
        return self._load(build, open_model(name), "weights", torch.float32)

    def _load(
        self, build: Callable[[], Net], folder: ModelFolder, part: str, dtype: torch.dtype
    ) -> Net:
        with torch.device("meta"):
            net = build()
        # Files also hold what only training builds, and layers that nothing reads.
        with safe_open(folder.file(part), framework="pt") as tensors:
            load_folded(net, {name: tensors.get_tensor(name) for name in net.state_dict()})
        return net.to(self._device, dtype).eval().requires_grad_(requires_grad=False)


def _pick_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device is {name!r}; it is 'auto', 'cpu' or 'cuda'.") from None
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"device is {name!r}; it is 'auto', 'cpu' or 'cuda'.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is 'cuda', but PyTorch finds no CUDA device here; use 'cpu'.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device is {name!r}, but PyTorch finds {torch.cuda.device_count()} CUDA devices here, "
            f"counted from 'cuda:0'."
        )
    return device


def _pick_precision(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.float32 if device.type == "cpu" else torch.float16
    if name not in _PRECISIONS:
        raise ConfigError(
            f"precision is {name!r}; it is 'auto' or one of {', '.join(_PRECISIONS)}."
        )
    return _PRECISIONS[name]
