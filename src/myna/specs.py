"""Every model family is one row of values; nothing else knows what a family is.

Code asks about abilities (`spec.decoder.speaker_vector is not None`), never about names.

Source of the published rows: the configuration files and constructors of GPT-SoVITS (MIT),
revision 48b1a01; every width is checked against the recorded shapes by the parity tests.
"""

from dataclasses import dataclass, field, replace
from math import ceil, prod
from typing import TypeVar

from myna.errors import ConfigError

TOKENS_PER_SECOND = 25
"""Semantic tokens are made from content features in pairs, whatever the family."""

CONTENT_RATE = 16_000
"""Sample rate in Hz of what content and speaker encoders hear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrogramSpec:
    """An analysis window; lengths in samples, `rate` in Hz."""

    rate: int
    window: int
    hop: int

    @property
    def bins(self) -> int:
        """Frequencies from 0 Hz to rate / 2."""
        return self.window // 2 + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingSpec:
    """How tokens are drawn; ranges are those of `myna.datatypes.Sampling`."""

    temperature: float = 1.0
    top_k: int = 15
    top_p: float = 1.0
    repetition_penalty: float = 1.35


@dataclass(frozen=True, slots=True, kw_only=True)
class SpellingSpec:
    """Semantic tokens that say which sound is heard, and how high and how loud it is.

    What a token means is known, not learnt: a token model cannot lose its place in the text, and
    whoever speaks, the same words have the same tokens but for the melody.
    """

    sounds: int = 40
    """The first of `myna.text.sounds`: silence, then those of English."""
    pitch: tuple[float, ...] = (-3.0, -1.1, 0.2, 1.5, 3.5)
    """Borders between its levels, in semitones from the middle of the clip."""
    loudness: tuple[float, ...] = (-1.3, 0.2, 1.5)
    """Borders between its levels: natural logarithm of power, relative to the clip, and to what is
    usual of the sound."""

    @property
    def levels(self) -> int:
        """Tokens of one sound."""
        return (len(self.pitch) + 1) * (len(self.loudness) + 1)

    @property
    def codes(self) -> int:
        """Tokens that mean something; of silence, only token 0 does."""
        return self.sounds * self.levels

    @property
    def content(self) -> int:
        """Numbers that a token stands for: one for each sound, pitch and loudness."""
        return self.sounds + 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenModelSpec:
    """The autoregressive model from phonemes to semantic tokens (S1)."""

    phones: int
    """Rows of the phone table; may exceed the symbols in use (v1 has spare rows)."""
    text_features: int = 1024
    width: int = 512
    heads: int = 16
    layers: int = 24
    feedforward: int = 2048
    codes: int = 1024
    """Semantic tokens are 0 to codes - 1; `end` is one more."""
    positions: int = 4000
    """Longest stream of phones, and longest stream of tokens, with its prompt."""
    least_tokens: int = 11
    """The end token is not offered before this many tokens were drawn."""
    most_tokens: int = 1500
    """Tokens after which a sentence that does not end is given up."""
    sampling: SamplingSpec = field(default_factory=SamplingSpec)
    """What the caller does not choose."""
    spelling: SpellingSpec | None = None
    """What tokens mean, where that is known; else a content encoder knows."""

    @property
    def end(self) -> int:
        """Id of the token that ends speech."""
        return self.codes

    @property
    def head_width(self) -> int:
        return self.width // self.heads


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorSpec:
    """The HiFi-GAN generator: latent frames to samples (arXiv:2010.05646)."""

    channels: int = 512
    """Width before the first upsampling; every stage halves it."""
    rates: tuple[int, ...] = (10, 8, 2, 2, 2)
    kernels: tuple[int, ...] = (16, 16, 8, 2, 2)
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[int, ...] = (1, 3, 5)

    @property
    def hop(self) -> int:
        """Samples per latent frame."""
        return prod(self.rates)

    @property
    def reach(self) -> int:
        """Latent frames to either side that a sample may depend on."""
        frames, rate = 3.0, 1  # of the first convolution
        farthest = max(self.resblock_kernels) // 2
        for step, kernel in zip(self.rates, self.kernels, strict=True):
            frames += ceil(kernel / step) / rate
            rate *= step
            steps = sum(self.resblock_dilations) + len(self.resblock_dilations)
            frames += farthest * steps / rate
        return ceil(frames + 3 / rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFilterSpec:
    """A generator that shapes pulses of the voice's pitch, and noise, frame by frame.

    Pitch and phases come from a formula, so that speech is clean without judges in training
    (arXiv:1904.12088 for the idea of a source, arXiv:2306.00814 for frames instead of upsampling).
    """

    rate: int = 24_000
    """Of the samples, in Hz."""
    hop: int = 480
    """Samples per latent frame."""
    oversampling: int = 2
    """Frames of filters per latent frame."""
    window: int = 720
    """Samples that a filter is applied to at once; a multiple of the filters' hop."""
    bands: int = 96
    """Values of a filter, evenly spaced in mel."""
    channels: int = 256
    feedforward: int = 768
    layers: int = 5
    kernel: int = 7
    sharpness: float = 1.0
    """By which filters stand out from their mean and slope when it speaks: a net that learnt from
    spectra alone says the mean of what it heard, whose formants are too flat."""
    brightness: float = 0.0
    """Decibels per octave by which it speaks brighter above 1 kHz, 6 at most in all."""

    @property
    def filter_hop(self) -> int:
        """Samples per frame of filters."""
        return self.hop // self.oversampling

    @property
    def reach(self) -> int:
        """Latent frames to either side that a sample may depend on."""
        # Pitch goes on in lines from frame to frame; windows are taken apart and put together.
        filters = self.layers * (self.kernel // 2) + 1 + self.window / self.filter_hop
        return ceil(self.kernel // 2 + filters / self.oversampling)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscriminatorSpec:
    """Judges that tell made from recorded waveforms while the decoder trains (arXiv:2010.05646)."""

    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    """In samples; a judge for each looks at every so many-th sample, and one looks at all."""
    channels: tuple[int, ...] = (32, 128, 512, 1024, 1024)
    """After each convolution of a judge with a period."""
    all_channels: tuple[int, ...] = (16, 64, 256, 1024, 1024, 1024)
    """After each convolution of the judge of all samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderSpec:
    """The VITS-type decoder from semantic tokens to a waveform (S2)."""

    phones: int
    """Rows of the phone table of the prior encoder."""
    reference_bins: int = 704
    """Lowest bins of the reference spectrogram that the reference encoder reads."""
    timbre: int = 512
    """Width of the timbre vector that flow and generator are conditioned on."""
    speaker_vector: int | None = None
    """Width of the speaker vector added to the timbre, or None for a family without one."""
    content: int = 768
    codes: int = 1024
    hidden: int = 192
    feedforward: int = 768
    heads: int = 2
    text_layers: int = 6
    half_layers: int = 3
    """Layers of the encoder before the text fusion, and of the one after it."""
    sight: int | None = None
    """Frames to either side that a layer of these two attends to, so that speech can be decoded
    exactly while it is still being made; None for all of the sentence."""
    fusion: int = 512
    fusion_heads: int = 4
    flow_layers: int = 4
    flows: int = 4
    posterior_layers: int = 16
    """Of the posterior encoder; 0 for a decoder that learns of tokens and phones alone, and whose
    latents therefore have no randomness."""
    kernel: int = 5
    frames_per_token: int = 2
    emphasis: tuple[tuple[int, float], ...] = ()
    """So many columns of the codebook, and what they are multiplied by when it speaks, one after
    another; nothing for as it learnt."""
    generator: GeneratorSpec | SourceFilterSpec = field(default_factory=GeneratorSpec)
    band_limited: bool = False
    """Whether it is told up to which frequency a recording has sound, so that muffled recordings do
    not teach a muffled voice."""
    discriminator: DiscriminatorSpec = field(default_factory=DiscriminatorSpec)
    """For training only."""
    spectrogram: SpectrogramSpec = SpectrogramSpec(rate=32_000, window=2048, hop=640)

    @property
    def samples_per_token(self) -> int:
        """At speed 1."""
        return self.frames_per_token * self.generator.hop

    @property
    def reach(self) -> int:
        """Frames to either side of what the prior encoder made that a sample may depend on."""
        return self.flows * self.flow_layers * (self.kernel // 2) + self.generator.reach

    @property
    def ahead(self) -> int:
        """Later frames that a frame of the prior encoder depends on, but for attention to all."""
        return 2 * self.half_layers * (2 + (self.sight or 0))

    def frames(self, tokens: int, speed: float) -> int:
        """Latent frames of so many tokens."""
        return frames_at(self.frames_per_token * tokens, speed)


def frames_at(frames: int, speed: float) -> int:
    """Frames that `frames` become at a speed: one more than fit, but at speed 1 as many."""
    return frames if speed == 1 else int(frames / speed) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilySpec:
    """One family of voices: what its two models and their helpers look like."""

    name: str
    symbols: str
    """Name of the symbol table that its phone ids index, see `myna.text.symbols`."""
    languages: tuple[str, ...]
    token_model: TokenModelSpec
    decoder: DecoderSpec
    content_encoder: str | None = "hubert-base"
    """Model of what is said; None where tokens are spelled."""
    text_encoder: str | None = "roberta-large"
    """Model of `text_features` for `text_encoder_languages`; other languages read zeros."""
    text_encoder_languages: tuple[str, ...] = ("zh",)
    improved_reading: bool = False
    """How text is read by default: as a native does, or with the mistakes of published data."""
    speaker_encoder: str | None = None
    """Model of the speaker vector; None where `decoder.speaker_vector` is None."""
    speaker_aware: bool = False
    """Whether the token model knows who speaks: the speaker vector is each phone's text feature."""
    published: bool = True
    """Whether it is known from files that others published, rather than made here."""
    precision: str = "float32"
    """In which the token model computes on ONNX Runtime unless the caller says otherwise."""
    least_score: float = -2.0
    """Clearness below which a sentence is said again, see `myna.datatypes.Guard`. Recordings of
    strangers, whom our recogniser does not know, have -1.0 to -2.1."""
    prompted: bool = True
    """Whether speech goes on from the words of a reference; else a voice is its timbre alone."""

    @property
    def rate(self) -> int:
        """Sample rate of the speech, in Hz."""
        return self.decoder.spectrogram.rate

    @property
    def steady(self) -> bool:
        """Whether a sentence sounds the same however much of it is known: its decoder looks ahead
        only so far, and its tokens say how loud it is, so that nothing is measured on the whole."""
        return self.decoder.sight is not None and self.token_model.spelling is not None


_V1 = FamilySpec(
    name="v1",
    symbols="v1",
    languages=("zh", "en", "ja"),
    token_model=TokenModelSpec(phones=512),
    decoder=DecoderSpec(phones=322, reference_bins=1025),
)
_V2 = FamilySpec(
    name="v2",
    symbols="v2",
    languages=("zh", "en", "ja", "ko", "yue"),
    token_model=TokenModelSpec(phones=732),
    decoder=DecoderSpec(phones=732),
)
_V2_PRO = replace(
    _V2,
    name="v2Pro",
    decoder=replace(
        _V2.decoder,
        timbre=1024,
        speaker_vector=20_480,
        discriminator=DiscriminatorSpec(periods=(2, 3, 5, 7, 11, 17, 23)),
    ),
    speaker_encoder="eres2netv2",
)
_V2_PRO_PLUS = replace(
    _V2_PRO,
    name="v2ProPlus",
    decoder=replace(
        _V2_PRO.decoder, generator=GeneratorSpec(channels=768, kernels=(20, 16, 8, 2, 2))
    ),
)
_SPELLING = SpellingSpec()
_TINY = FamilySpec(
    name="tiny",
    symbols="v2",
    languages=("en",),
    token_model=TokenModelSpec(
        phones=732,
        text_features=192,
        width=256,
        heads=4,
        layers=6,
        feedforward=1024,
        positions=2048,
        sampling=SamplingSpec(temperature=0.5, top_k=25, repetition_penalty=1.0),
        spelling=_SPELLING,
    ),
    decoder=DecoderSpec(
        phones=732,
        reference_bins=341,
        timbre=192,
        speaker_vector=192,
        content=_SPELLING.content,
        hidden=128,
        feedforward=384,
        text_layers=2,
        half_layers=2,
        sight=8,
        fusion=128,
        flow_layers=2,
        posterior_layers=0,
        # Sounds, pitch, loudness. Words wrong fell from 15.5 to 13.2 % by these four numbers, see
        # docs/log.md.
        emphasis=((40, 1.2), (1, 1.0), (1, 0.75)),
        generator=SourceFilterSpec(sharpness=1.3, brightness=2.0),
        discriminator=DiscriminatorSpec(
            channels=(16, 64, 128, 256, 256), all_channels=(16, 32, 64, 128, 256, 256)
        ),
        band_limited=True,
        spectrogram=SpectrogramSpec(rate=24_000, window=1024, hop=480),
    ),
    content_encoder=None,
    text_encoder=None,
    text_encoder_languages=(),
    improved_reading=True,
    speaker_encoder="tiny-speaker",
    speaker_aware=True,
    published=False,
    # Half the time, and as well understood, see docs/tiny.md.
    precision="int8",
    # Of 80 plain sentences another recogniser got 20.9 % of words wrong without a guard, 19.0 % at
    # -1 for 1.4 takes of each, and 15.6 % here for 2.0.
    least_score=-0.8,
    prompted=False,
)

FAMILIES: dict[str, FamilySpec] = {
    family.name: family for family in (_V1, _V2, _V2_PRO, _V2_PRO_PLUS, _TINY)
}


def family(name: str) -> FamilySpec:
    """The family called `name`.

    Raises:
        ConfigError: there is none; the message lists those there are.
    """
    try:
        return FAMILIES[name]
    except KeyError:
        raise ConfigError(
            f"There is no model family {name!r}; known ones are {', '.join(FAMILIES)}."
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class HubertSpec:
    """The content encoder: 16 kHz samples to content features (arXiv:2106.07447)."""

    width: int = 768
    heads: int = 12
    layers: int = 12
    feedforward: int = 3072
    filters: int = 512
    kernels: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    position_kernel: int = 128
    position_groups: int = 16

    def frames(self, samples: int) -> int:
        """Frames that so many samples give, 50 per second; 0 if they are too few."""
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            samples = max(0, (samples - kernel) // stride + 1)
        return samples


@dataclass(frozen=True, slots=True, kw_only=True)
class RobertaSpec:
    """The text encoder: characters to text features (arXiv:1907.11692)."""

    vocabulary: int = 21_128
    width: int = 1024
    heads: int = 16
    layers: int = 24
    """As published."""
    used_layers: int = 22
    """Text features are the output of this layer; later ones are never computed."""
    feedforward: int = 4096
    positions: int = 512
    """Longest text in characters, with the marks before and after it."""
    token_types: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ERes2NetSpec:
    """The speaker encoder: filterbank to speaker vector (arXiv:2406.02167)."""

    bands: int = 80
    channels: int = 64
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    base_width: int = 24
    scale: int = 4
    """Groups that the channels of a block are split into."""
    expansion: int = 4
    head_width: int = 192
    """Width of the published pooling head, which families do not use."""

    @property
    def width(self) -> int:
        """Of the speaker vector: channels times bands after the last stage."""
        return self.channels * 8 * self.expansion * (self.bands // 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformerSpec:
    """The net of our recogniser: a filter bank to sounds (arXiv:2005.08100).

    Inside it has 25 steps per second, each of which gives two frames of sounds: 40 ms are too
    coarse for the shortest phones of fast speech.
    """

    bands: int = 80
    channels: int = 32
    """Of the convolutions that bring 100 frames per second down to 25."""
    width: int = 192
    heads: int = 4
    layers: int = 5
    feedforward: int = 576
    kernel: int = 15
    """Of the convolution in each block, in steps."""
    early_after: int = 3
    """Blocks after which sounds are named a first time, for training."""
    plain: int = 62
    """Sounds without a tone."""
    toned: int = 39
    """Sounds that come in each of `tones` tones."""
    tones: int = 5

    @property
    def sounds(self) -> int:
        """All sounds, the pause, which is number 0, and each tone counted."""
        return 1 + self.plain + self.toned * self.tones

    def sound_frames(self, frames: int) -> int:
        """Frames of sounds, 50 per second, that so many frames of the filter bank give."""
        return 2 * -(-frames // 4)


RECOGNISER = ConformerSpec()
"""Of the weights in the package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EcapaSpec:
    """Our own speaker encoder: filterbank to speaker vector (arXiv:2005.07143)."""

    bands: int = 80
    channels: int = 256
    """Of every block."""
    scale: int = 4
    """Groups that the channels of a block are split into."""
    bottleneck: int = 64
    """Of what weighs channels and frames."""
    pooled: int = 512
    """Channels that are pooled over time."""
    width: int = 192
    """Of the speaker vector."""


EncoderSpec = HubertSpec | RobertaSpec | ERes2NetSpec | EcapaSpec

ENCODERS: dict[str, EncoderSpec] = {
    "hubert-base": HubertSpec(),
    "roberta-large": RobertaSpec(),
    "eres2netv2": ERes2NetSpec(),
    "tiny-speaker": EcapaSpec(),
}
"""By the names that families use in `content_encoder`, `text_encoder` and `speaker_encoder`."""

Encoder = TypeVar("Encoder", HubertSpec, RobertaSpec, ERes2NetSpec, EcapaSpec)


def encoder_spec(name: str, kind: type[Encoder]) -> Encoder:
    """The encoder called `name`, which a family says is of this kind."""
    spec = ENCODERS[name]
    assert isinstance(spec, kind), f"{name} is no {kind.__name__}"
    return spec
