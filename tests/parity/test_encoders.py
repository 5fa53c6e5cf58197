"""The three encoders give the recorded numbers, at the full published size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from kit import NETWORK, close, golden, manifest, needs_kit, signal, state

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from torch import Tensor, nn

from myna.nets.eres2net import ERes2NetV2, fuse
from myna.nets.hubert import Hubert
from myna.nets.roberta import Roberta
from myna.nets.weight_norm import fold
from myna.specs import ERes2NetSpec, HubertSpec, RobertaSpec

pytestmark = needs_kit()

HUBERT_POINTS = {
    "conv6": "feature_extractor.conv_layers.6",
    "projection": "feature_projection",
    "pos_conv": "encoder.pos_conv_embed",
    "encoder_in": "encoder.layer_norm",
    "layer0": "encoder.layers.0",
    "layer5": "encoder.layers.5",
    "layer11": "encoder.layers.11",
}
ROBERTA_POINTS = {
    "hidden_0": "embeddings",
    "hidden_1": "encoder.layer.0",
    "hidden_22": "encoder.layer.21",
}
ERES2NET_POINTS = {
    "bn1": "bn1",
    "layer1_0": "layer1.0",
    "layer1": "layer1",
    "layer2": "layer2",
    "layer3_0_aff0": "layer3.0.fuse_models.0",
    "layer3": "layer3",
    "layer4": "layer4",
    "layer3_ds": "layer3_ds",
    "fuse34": "fuse34",
}


def hubert_name(published: str) -> str | None:
    if published == "masked_spec_embed":
        return None
    for newer, older in (("original0", "weight_g"), ("original1", "weight_v")):
        published = published.replace(f"parametrizations.weight.{newer}", older)
    return published


def roberta_name(published: str) -> str | None:
    return None if published.startswith("cls.") else published.removeprefix("bert.")


def eres2net_name(published: str) -> str | None:
    return None if published.endswith("num_batches_tracked") else published


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return build().requires_grad_(False)


def load(net: nn.Module, network: str, name: Callable[[str], str | None]) -> nn.Module:
    wanted = {p: ours for p in manifest(network) if (ours := name(p)) in net.state_dict()}
    tensors = {wanted[p]: torch.from_numpy(a) for p, a in state(network, wanted).items()}
    net.load_state_dict(tensors, assign=True)
    return net


@contextmanager
def recording(net: nn.Module, points: dict[str, str]) -> Iterator[dict[str, Tensor]]:
    """Copies of what the modules at `points` return while the context is open."""
    seen: dict[str, Tensor] = {}

    def hook(point: str) -> Callable[..., None]:
        return lambda _module, _inputs, output: seen.update({point: output.clone()})

    handles = [net.get_submodule(at).register_forward_hook(hook(p)) for p, at in points.items()]
    try:
        with torch.inference_mode():
            yield seen
    finally:
        for handle in handles:
            handle.remove()


@pytest.mark.parametrize(
    ("network", "build", "name"),
    [
        ("hubert_base", lambda: Hubert(HubertSpec()), hubert_name),
        ("eres2netv2", lambda: ERes2NetV2(ERes2NetSpec(), head=True), eres2net_name),
        ("bert_large", lambda: Roberta(RobertaSpec()), roberta_name),
    ],
)
def test_names_and_shapes_are_the_published_ones(network, build, name):
    tensors = manifest(network)
    published = {ours: tensors[p]["shape"] for p in tensors if (ours := name(p)) is not None}
    if network == "bert_large":
        unused = [p for p in published if p.startswith(("encoder.layer.22.", "encoder.layer.23."))]
        assert len(unused) == 2 * 16
        for p in unused:
            del published[p]
    ours = {key: list(tensor.shape) for key, tensor in on_meta(build).state_dict().items()}
    assert ours == published


def test_speaker_network_without_head_leaves_only_the_head_behind():
    with_head, without = (
        on_meta(lambda head=head: ERes2NetV2(ERes2NetSpec(), head=head)).state_dict()
        for head in (True, False)
    )
    assert set(with_head) - set(without) == {"seg_1.weight", "seg_1.bias"}


@pytest.fixture(scope="module")
def hubert_golden():
    return golden("hubert_base")


@pytest.fixture(scope="module", params=["weight norm kept", "weight norm folded"])
def hubert(request):
    net = load(on_meta(lambda: Hubert(HubertSpec())), "hubert_base", hubert_name)
    return fold(net) if "folded" in request.param else net


def test_hubert_stages(hubert, hubert_golden):
    points = HUBERT_POINTS | {"conv0": "feature_extractor.conv_layers.0"}
    with recording(hubert, points) as seen:
        last = hubert(torch.from_numpy(signal("a_16k"))[None])
    first = seen.pop("conv0")[:, :8, :200]
    close("hubert_base", "conv0", first, hubert_golden["conv0_ch0_7_first200"], NETWORK)
    for point in HUBERT_POINTS:
        close("hubert_base", point, seen[point], hubert_golden[point], NETWORK)
    close("hubert_base", "last", last, hubert_golden["last_hidden_state"], NETWORK)


@torch.inference_mode()
def test_hubert_with_silence_after_the_prompt(hubert, hubert_golden):
    padded = np.concatenate([signal("a_16k"), np.zeros(9600, np.float32)])
    point = "last_hidden_state_padded_9600_zeros"
    ours = hubert(torch.from_numpy(padded)[None])
    close("hubert_base", point, ours, hubert_golden[point], NETWORK)


@torch.inference_mode()
def test_hubert_with_samples_scaled_as_for_training(hubert, hubert_golden):
    point = "last_hidden_state_scaled_x1145"
    ours = hubert(torch.from_numpy(signal("a_16k"))[None] * 1145.14)
    close("hubert_base", point, ours, hubert_golden[point], NETWORK)


def test_hubert_frames(hubert_golden):
    for samples, frames in hubert_golden["frames_for_samples"].tolist():
        assert HubertSpec().frames(samples) == frames


def test_roberta_stages():
    recorded = golden("bert_large")
    net = load(on_meta(lambda: Roberta(RobertaSpec())), "bert_large", roberta_name)
    with recording(net, ROBERTA_POINTS) as seen:
        features = net(torch.from_numpy(recorded["input_ids"][0].astype(np.int64)))
    for point in ROBERTA_POINTS:
        close("bert_large", point, seen[point][None], recorded[point], NETWORK)
    characters = features[1:-1].numpy()
    close("bert_large", "characters", characters, recorded["char_features"], NETWORK)
    phones = np.repeat(characters, recorded["word2ph"], axis=0).T
    close("bert_large", "phones", phones, recorded["phone_features"], NETWORK)


@pytest.fixture(scope="module")
def eres2net_golden():
    return golden("eres2netv2")


@pytest.fixture(scope="module", params=["norms kept", "norms folded"])
def eres2net(request):
    net = on_meta(lambda: ERes2NetV2(ERes2NetSpec(), head=True))
    load(net, "eres2netv2", eres2net_name)
    return fuse(net) if "folded" in request.param else net


def test_eres2net_stages(eres2net, eres2net_golden):
    with recording(eres2net, ERES2NET_POINTS) as seen:
        embedding = eres2net(torch.from_numpy(eres2net_golden["fbank"]))
    for point in ERES2NET_POINTS:
        ours = seen[point][:, :4]
        close("eres2netv2", point, ours, eres2net_golden[f"{point}_ch0_3"], NETWORK)
    close("eres2netv2", "head", embedding, eres2net_golden["embedding_192"], NETWORK)


@pytest.fixture
def headless(eres2net):
    head, eres2net.seg_1 = eres2net.seg_1, None
    yield eres2net
    eres2net.seg_1 = head


@torch.inference_mode()
@pytest.mark.parametrize(
    ("features", "vector"), [("fbank", "embedding_20480"), ("fbank2", "embedding2_20480")]
)
def test_eres2net_speaker_vector(headless, eres2net_golden, features, vector):
    ours = headless(torch.from_numpy(eres2net_golden[features]))
    close("eres2netv2", vector, ours, eres2net_golden[vector], NETWORK)
