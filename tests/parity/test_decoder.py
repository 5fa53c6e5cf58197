"""The decoder of every published family against recorded values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import kit
import numpy as np
import pytest
import torch
from models import tensors
from torch import Tensor
from torch.nn import functional as F

from myna.audio.spectrogram import spectrogram
from myna.datatypes import Audio
from myna.nets.decoder import Decoder
from myna.nets.reference_encoder import full_mask
from myna.nets.weight_norm import load_folded
from myna.specs import FAMILIES

pytestmark = kit.needs_kit()

FIRST = 200
"""Frames of the generator's stages that were recorded."""


class Case:
    """One family's decoder, and what was recorded of it."""

    def __init__(self, family: str) -> None:
        self.name = f"s2_{family}"
        self.spec = FAMILIES[family].decoder
        with torch.device("meta"):
            self.net = Decoder(self.spec, training=True)
        self.state = {name: torch.from_numpy(value) for name, value in tensors(self.name).items()}
        load_folded(self.net, self.state)
        self.net.eval().requires_grad_(requires_grad=False)
        self.golden = kit.golden(self.name)
        self.tokens = torch.from_numpy(self.golden["codes"][:, 0].astype(np.int64))
        self.phones = torch.from_numpy(self.golden["phones"].astype(np.int64))

    def close(self, point: str, ours: Tensor, limit: float = kit.NETWORK) -> None:
        kit.close(self.name, point, ours.numpy(), self.golden[point], limit)

    def wav(self, point: str, ours: Tensor) -> None:
        self.close(point, ours[0], kit.WAVEFORM)

    def timbre(self, index: int) -> Tensor:
        """Of the first, second or third recorded reference."""
        clip = Audio(kit.signal(("a_32k", "b_32k", "c_32k")[index]), 32_000)
        heard = torch.from_numpy(spectrogram(clip, self.spec.spectrogram))[None]
        speaker = None
        if self.spec.speaker_vector is not None:
            speaker = torch.from_numpy(self.golden["sv_emb"][index : index + 1])
        return self.net.timbre(heard, full_mask(heard), speaker)

    def record(self, *names: str) -> dict[str, Tensor]:
        """Outputs of submodules, filled in as the net runs."""
        seen: dict[str, Tensor] = {}

        def keep(name: str, _module: Any, _inputs: Any, out: Tensor) -> None:
            seen[name] = out

        for name in names:
            self.net.get_submodule(name).register_forward_hook(partial(keep, name))
        return seen


@pytest.fixture(scope="module", params=["v1", "v2", "v2Pro", "v2ProPlus"])
def case(request: Any) -> Iterator[Case]:
    with torch.inference_mode():
        yield Case(request.param)


def test_tokens_of_content(case: Case) -> None:
    tokens = case.net.tokens(torch.from_numpy(case.golden["ssl"]))
    assert tokens.tolist() == case.golden["codes"][:, 0].tolist()


def test_every_stage(case: Case) -> None:
    prior = {
        "content_in": "encp_ssl_proj",
        "content_layers": "encp_encoder_ssl",
        "text_layers": "encp_encoder_text",
        "fusion": "encp_mrte",
        "joint_layers": "encp_encoder2",
    }
    stages = [f"generator.upsamples.{index}" for index in range(5)]
    seen = case.record(
        "reference_encoder",
        "generator",
        "generator.first",
        "generator.resblocks.0",
        *(f"prior_encoder.{name}" for name in prior),
        *stages,
    )
    latents: list[Tensor] = []
    case.net.generator.register_forward_pre_hook(lambda _m, inputs: latents.append(inputs[0]))
    timbre = case.timbre(0)
    case.wav("plain_wav", case.net(case.tokens, case.phones, timbre))
    case.close("plain_ref_enc", seen["reference_encoder"])
    if case.spec.speaker_vector is not None:
        case.close("plain_ge512", case.net.prior_timbre(timbre))
    for ours, recorded in prior.items():
        case.close(f"plain_{recorded}", seen[f"prior_encoder.{ours}"])
    case.close("plain_z", latents[0])
    case.close("plain_dec_conv_pre_ch0_15", seen["generator.first"][:, :16])
    for index, stage in enumerate(stages):
        case.close(f"plain_dec_up{index}_ch0_3_first200", seen[stage][:, :4, :FIRST])
    case.close("plain_dec_resblock0_ch0_3_first200", seen["generator.resblocks.0"][:, :4, :FIRST])


def _says(
    case: Case, run: str, timbre: Tensor, *, noise: Tensor | None = None, speed: float = 1.0
) -> None:
    """Prior, latents and waveform of one recorded way to decode."""
    priors: list[tuple[Tensor, Tensor]] = []
    latents: list[Tensor] = []
    prior = case.net.prior_encoder.prior
    kept: Callable[..., Any] = lambda *inputs: priors.append(prior(*inputs)) or priors[-1]  # noqa: E731
    case.net.prior_encoder.prior = kept  # type: ignore[method-assign]
    hook = case.net.generator.register_forward_pre_hook(lambda _m, x: latents.append(x[0]))
    try:
        wav = case.net(case.tokens, case.phones, timbre, noise, speed)
    finally:
        case.net.prior_encoder.prior = prior  # type: ignore[method-assign]
        hook.remove()
    mean, log_deviation = priors[0]
    case.close(f"{run}_m_p", mean)
    case.close(f"{run}_logs_p", log_deviation)
    case.close(f"{run}_z", latents[0])
    case.wav(f"{run}_wav", wav)


def test_plain(case: Case) -> None:
    _says(case, "plain", case.timbre(0))


def test_speed(case: Case) -> None:
    _says(case, "speed13", case.timbre(0), speed=1.3)


def test_several_references(case: Case) -> None:
    _says(case, "multiref", torch.stack([case.timbre(index) for index in range(3)]).mean(0))


def test_noise(case: Case) -> None:
    noise = torch.from_numpy(case.golden["noise"]) * 0.5
    _says(case, "noise05", case.timbre(0), noise=noise)


def test_pieces_of_a_stream(case: Case) -> None:
    """The recorded stream decodes all tokens so far, keeps the new ones and a little overlap."""
    if "stream_wav1" not in case.golden:
        pytest.skip("no stream was recorded of this family")
    timbre, overlap = case.timbre(0), 4
    first = case.net.join(case.tokens[:, :16], case.phones, timbre)
    second = case.net.join(case.tokens, case.phones, timbre)[:, :, -32:].clone()
    fade = torch.sin(torch.arange(2 * overlap) * (torch.pi / (2 * overlap)))
    tail = first[:, :, -overlap:]
    second[:, :, :overlap] = second[:, :, :overlap] * fade[:overlap] + tail * fade[overlap:]
    case.close("stream_latent1", first)
    case.close("stream_latent2", second)
    case.wav("stream_wav1", case.net.render(first, timbre, None))
    case.wav("stream_wav2", case.net.render(second, timbre, None))


@pytest.mark.parametrize("family", ["v1", "v2", "v2Pro", "v2ProPlus"])
def test_the_forward_of_training(family: str) -> None:
    """Posterior, flow and generator on a ragged batch: what training will need is there."""
    with torch.inference_mode():
        case = Case(family)
    golden = kit.golden(f"s2_train_{family}")
    found = _training_forward(case, golden)
    for point, ours in found.items():
        limit = kit.WAVEFORM if point == "y_hat" else kit.NETWORK
        kit.close(f"s2_train_{family}", point, ours.numpy(), golden[point], limit)


def _training_forward(case: Case, golden: dict[str, np.ndarray]) -> dict[str, Tensor]:
    net, spec = case.net, case.spec
    hop, longest = spec.spectrogram.hop, int(golden["spec_len"].max())
    heard = torch.zeros(len(golden["spec_len"]), spec.spectrogram.bins, longest)
    for row, pcm, frames in zip(heard, golden["wav_pcm"], golden["spec_len"], strict=True):
        clip = Audio((pcm[: frames * hop] / 32768.0).astype(np.float32), spec.spectrogram.rate)
        row[:, :frames] = torch.from_numpy(spectrogram(clip, spec.spectrogram))
    mask = _mask(golden["spec_len"], heard.shape[-1])
    text_mask = _mask(golden["text_len"], golden["text"].shape[1])
    with torch.inference_mode():
        speaker = None
        if spec.speaker_vector is not None:
            speaker = torch.from_numpy(golden["sv_emb"])
        timbre = net.timbre(heard, mask, speaker)
        content = net.content(net.tokens(torch.from_numpy(golden["ssl"])))
        joined = net.prior_encoder.join(
            content,
            mask,
            torch.from_numpy(golden["text"].astype(np.int64)),
            text_mask,
            net.prior_timbre(timbre),
        )
        mean, log_deviation = net.prior_encoder.prior(joined, mask)
        quiet = torch.zeros_like(mean)
        z, posterior_mean, posterior_deviation = net.posterior_encoder(heard, mask, timbre, quiet)
        z_prior = net.flow(z, mask, timbre)
        back = net.flow.reverse(z_prior, mask, timbre)
        assert F.l1_loss(back, z) < 1e-5
        frames = 32
        slices = torch.stack(
            [
                row[:, start : start + frames]
                for row, start in zip(z, golden["ids_slice"], strict=True)
            ]
        )
        heard_again = net.generator(slices, timbre)[:, 0]
    return {
        "m_p": mean,
        "logs_p": log_deviation,
        "z": z,
        "m_q": posterior_mean,
        "logs_q": posterior_deviation,
        "z_p": z_prior,
        "y_hat": heard_again,
    }


def _mask(lengths: np.ndarray, longest: int) -> Tensor:
    place = torch.arange(longest)[None]
    return (place < torch.from_numpy(lengths.astype(np.int64))[:, None]).float()[:, None]
