"""The engine on PyTorch: full precision on a CPU, half precision and CUDA graphs on a GPU.

Weights come from memory-mapped files and are converted only where the device wants another
precision; weight normalisation is folded at load. A model is loaded when it is first needed, so
speaking with a finished voice never loads what only cloning uses. Nothing global is changed: the
number of threads, for one, is the process's own affair.

Letters in shapes as in `myna.engines.base`.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor, nn

from myna.audio.filterbank import fbank
from myna.checkpoints.store import ModelFolder, open_model
from myna.datatypes import Audio, SemanticTokens
from myna.engines.base import DecodeRequest, Floats, Ids, TokenRequest
from myna.engines.randomness import Purpose, Stream
from myna.engines.sampling import distribution, draw, penalise
from myna.engines.torch_stepping import EagerStepper, GraphStepper, Stepper
from myna.errors import ConfigError, EngineError, ModelNotFoundError
from myna.nets.content_encoder import ContentEncoder
from myna.nets.decoder import Decoder
from myna.nets.eres2net import ERes2NetV2, fuse
from myna.nets.hubert import Hubert
from myna.nets.prior_encoder import frames_at
from myna.nets.reference_encoder import full_mask
from myna.nets.roberta import Roberta
from myna.nets.token_model import TokenModel
from myna.nets.weight_norm import load_folded
from myna.specs import (
    CONTENT_RATE,
    ENCODERS,
    TOKENS_PER_SECOND,
    ContentEncoderSpec,
    ERes2NetSpec,
    FamilySpec,
    HubertSpec,
    RobertaSpec,
    TokenModelSpec,
    encoder_spec,
)

Net = TypeVar("Net", bound=nn.Module)

_GRAPH_CAPACITY = 3072
"""Positions of each slot on a GPU: two minutes of prompt and speech, or less with more text."""

_NO_NUMBERS = (
    "are no numbers. If this happens in half precision, load the model with precision='float32'."
)

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

    def ears(self) -> str:
        spec, found = self.spec, [self.fingerprint]
        for name in (spec.content_encoder, spec.speaker_encoder, spec.text_encoder):
            if name is not None:
                with suppress(ModelNotFoundError):  # cloning says so if it needs that one
                    found.append(open_model(name).fingerprint)
        return " ".join(found)

    def content(self, samples: Floats) -> Floats:
        """Content features (E, C) of speech, samples (N,) at `CONTENT_RATE`."""
        with torch.inference_mode():
            return self._content(samples)[0].cpu().numpy()

    def tokens(self, samples: Floats) -> Ids:
        with torch.inference_mode():
            tokens = self._cloning_decoder.tokens(self._content(samples).transpose(1, 2))[0]
        return tokens.cpu().numpy()

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
        roberta, vocabulary = self._text_encoder
        unknown = vocabulary["[UNK]"]
        ids = [vocabulary.get(char, unknown) for char in text]
        assert self.spec.text_encoder is not None
        longest = encoder_spec(self.spec.text_encoder, RobertaSpec).positions
        if len(ids) + 2 > longest:
            raise EngineError(
                f"A stretch of {len(text)} characters is too long for the text encoder, which "
                f"reads {longest - 2}. Cut the text into sentences first."
            )
        whole = torch.tensor([vocabulary["[CLS]"], *ids, vocabulary["[SEP]"]])
        with torch.inference_mode():
            features = roberta(whole.to(self._device))[1:-1]
        return features.float().cpu().numpy()

    def generate(self, requests: Sequence[TokenRequest]) -> Iterator[tuple[int, SemanticTokens]]:
        """See `Engine.generate`.

        Raises:
            EngineError: a request is empty or longer than the model's positions; or, while tokens
                are drawn, the model returned what is not a number.
        """
        for request in requests:
            self._check(request)
        stepper = self._stepper(requests)
        return generate(stepper, self._slots, requests, self.spec.token_model)

    def decode(self, request: DecodeRequest) -> Floats:
        """See `Engine.decode`.

        Raises:
            EngineError: there are no tokens, or the result is not a number.
        """
        if not len(request.tokens) or not len(request.phones):
            raise EngineError(
                "There is nothing to decode: the sentence has no tokens or no phones."
            )
        spec = self.spec.decoder
        frames = frames_at(spec.frames_per_token * len(request.tokens), request.speed)
        noise = None
        if request.noise_scale > 0:
            stream = Stream(request.seed, request.part, Purpose.NOISE)
            drawn = stream.normal(1, spec.hidden, frames) * np.float32(request.noise_scale)
            noise = torch.from_numpy(drawn).to(self._device, self._dtype)
        with torch.inference_mode():
            samples = self._decoder(
                torch.tensor(request.tokens)[None].to(self._device),
                torch.tensor(request.phones)[None].to(self._device),
                torch.tensor(request.timbre)[None, :, None].to(self._device, self._dtype),
                noise,
                request.speed,
            )[0]
        result = samples.float().cpu().numpy()
        if not np.isfinite(result).all():
            raise EngineError(f"The decoder returned values that {_NO_NUMBERS}")
        return result

    def _content(self, samples: Floats) -> Tensor:
        """(1, E, C), 50 frames per second."""
        encoder = self._content_encoder
        if isinstance(encoder, Hubert):
            return encoder(torch.from_numpy(samples)[None].to(self._device))
        bands = torch.from_numpy(fbank(Audio(samples, CONTENT_RATE)))[None].to(self._device)
        heard = encoder(bands, torch.tensor([bands.shape[1]], device=self._device))
        # It hears at the rate of semantic tokens; decoders expect the published rate.
        return heard.content.repeat_interleave(2, dim=1)

    def _stepper(self, requests: Sequence[TokenRequest]) -> Stepper:
        if self._device.type == "cuda":
            return self._graph_stepper
        longest = max((_longest(each, self.spec.token_model) for each in requests), default=1)
        return EagerStepper(
            self._token_model, slots=self._slots, capacity=longest, lanes=self._lanes
        )

    def _check(self, request: TokenRequest) -> None:
        spec = self.spec.token_model
        phones, tokens = len(request.phones), len(request.prompt) + _most_tokens(request, spec)
        if not phones:
            raise EngineError("There is nothing to say: the sentence has no phones.")
        if phones > spec.positions or tokens > spec.positions:
            raise EngineError(
                f"A sentence has {phones} phones and up to {tokens} tokens, with those of its "
                f"prompt; the model reads {spec.positions} of each. Cut the text into sentences."
            )
        if self._device.type == "cuda" and phones + tokens > _GRAPH_CAPACITY:
            raise EngineError(
                f"A sentence needs {phones + tokens} positions; on a GPU there are "
                f"{_GRAPH_CAPACITY}. Cut the text into shorter sentences, or lower longest_seconds."
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
    def _content_encoder(self) -> Hubert | ContentEncoder:
        name = self.spec.content_encoder
        spec = ENCODERS[name]
        if isinstance(spec, ContentEncoderSpec):
            return self._load_encoder(lambda: ContentEncoder(spec), name)
        return self._load_encoder(lambda: Hubert(encoder_spec(name, HubertSpec)), name)

    @cached_property
    def _speaker_encoder(self) -> ERes2NetV2:
        name = self.spec.speaker_encoder
        assert name is not None, "only families with a speaker vector ask for it"
        net = self._load_encoder(lambda: ERes2NetV2(encoder_spec(name, ERes2NetSpec)), name)
        return fuse(net)

    @cached_property
    def _text_encoder(self) -> tuple[Roberta, dict[str, int]]:
        name = self.spec.text_encoder
        assert name is not None, "only families with a text encoder ask for it"
        net = self._load_encoder(lambda: Roberta(encoder_spec(name, RobertaSpec)), name)
        vocabulary = open_model(name).vocabulary
        assert vocabulary is not None, "a text encoder is never stored without its vocabulary"
        pieces = vocabulary.read_text("utf-8").removesuffix("\n").split("\n")
        return net, {piece: index for index, piece in enumerate(pieces)}

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


def generate(
    stepper: Stepper, slots: int, requests: Sequence[TokenRequest], spec: TokenModelSpec
) -> Iterator[tuple[int, SemanticTokens]]:
    """Decode all requests on a stepper with so many slots; see `Engine.generate`.

    As a request ends, the next one takes its slot.
    """
    waiting = deque(enumerate(requests))
    free = list(range(slots))
    running: dict[int, tuple[int, _Drawing]] = {}
    while waiting or running:
        while waiting and free:
            index, request = waiting.popleft()
            slot, drawing = free.pop(), _Drawing(request, spec)
            running[slot] = index, drawing
            with torch.inference_mode():
                drawing.take(stepper.start(slot, *_inputs(request)).numpy())
        for slot in [slot for slot, (_, drawing) in running.items() if drawing.done]:
            index, drawing = running.pop(slot)
            free.append(slot)
            yield index, drawing.result()
        if running:
            drawings = [drawing for _, drawing in running.values()]
            last = [drawing.last for drawing in drawings]
            with torch.inference_mode():
                logits = stepper.step(
                    list(running), last, [drawing.position for drawing in drawings]
                )
            for drawing, row in zip(drawings, logits.numpy(), strict=True):
                drawing.take(row)


class _Drawing:
    """The tokens of one request, as they are drawn."""

    def __init__(self, request: TokenRequest, spec: TokenModelSpec) -> None:
        self._request, self._spec = request, spec
        self._random = Stream(request.seed, request.part, Purpose.TOKENS)
        self._start = len(request.prompt)
        self._most = _most_tokens(request, spec)
        # Room for all that may be said, so that nothing is copied per token.
        self._said = np.concatenate([request.prompt, np.zeros(self._most, dtype=np.int64)])
        self._count = 0
        self._ended = False

    @property
    def done(self) -> bool:
        return self._ended or self._count == self._most

    @property
    def last(self) -> int:
        return int(self._said[self._start + self._count - 1])

    @property
    def position(self) -> int:
        """Of the last token in its stream."""
        return self._start + self._count - 1

    def take(self, logits: Floats) -> None:
        """Draw a token from its logits (V,), or end."""
        if not np.isfinite(logits).all():
            raise EngineError(f"The token model returned values that {_NO_NUMBERS}")
        sampling, spec = self._request.sampling, self._spec
        if self._count < spec.least_tokens:
            logits = logits[: spec.end]
        said = self._said[: self._start + self._count]
        penalised = penalise(logits, said, sampling.repetition_penalty)
        exponential = self._random.exponential(len(penalised))
        token = draw(distribution(penalised, sampling), exponential)
        # A likeliest token that says "end" ends speech even if chance drew another.
        if token == spec.end or int(penalised.argmax()) == spec.end:
            self._ended = True
        else:
            self._said[self._start + self._count] = token
            self._count += 1

    def result(self) -> SemanticTokens:
        said = self._said[self._start : self._start + self._count]
        return SemanticTokens(ids=said.copy(), ended=self._ended)


def _inputs(request: TokenRequest) -> tuple[Tensor, Tensor | None, Tensor]:
    # Copies: a matrix product's bits may depend on where in memory its operands begin, which for
    # tensors is always the same, and a caller's arrays may be read-only.
    features = request.text_features
    return (
        torch.tensor(request.phones),
        None if features is None else torch.tensor(features),
        torch.tensor(request.prompt),
    )


def _most_tokens(request: TokenRequest, spec: TokenModelSpec) -> int:
    asked = round(request.sampling.longest_seconds * TOKENS_PER_SECOND)
    return min(asked, spec.most_tokens)


def _longest(request: TokenRequest, spec: TokenModelSpec) -> int:
    """Positions that a request may come to need."""
    return len(request.phones) + len(request.prompt) + _most_tokens(request, spec)


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
