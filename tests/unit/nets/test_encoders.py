"""The three encoders at toy size: equalities between two ways to compute the same thing."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from torch import nn

from myna.nets import eres2net, hubert, roberta
from myna.nets.eres2net import ERes2NetV2, FrozenNorm, fuse
from myna.nets.hubert import Hubert
from myna.nets.roberta import Roberta
from myna.nets.weight_norm import fold
from myna.specs import (
    ENCODERS,
    FAMILIES,
    EcapaSpec,
    ERes2NetSpec,
    HubertSpec,
    RobertaSpec,
    encoder_spec,
)

HUBERT = HubertSpec(
    width=24, heads=3, layers=2, feedforward=40, filters=8, position_kernel=8, position_groups=4
)
ROBERTA = RobertaSpec(
    vocabulary=50, width=24, heads=3, layers=3, used_layers=2, feedforward=40, positions=16
)
ERES2NET = ERes2NetSpec(bands=16, channels=8, blocks=(1, 2, 2, 1), head_width=6)


@pytest.fixture(autouse=True)
def _same_weights_every_time():
    torch.manual_seed(0)


def equal(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


class TestHubert:
    @torch.inference_mode()
    def test_spec_knows_how_many_frames_come_out(self):
        net = Hubert(HUBERT)
        for samples in (400, 719, 720, 1039, 1040, 5000):
            assert net(torch.randn(1, samples)).shape == (1, HUBERT.frames(samples), HUBERT.width)

    def test_too_few_samples_give_no_frame(self):
        assert [HUBERT.frames(samples) for samples in (0, 1, 9, 399)] == [0, 0, 0, 0]

    @torch.inference_mode()
    def test_recordings_in_a_batch_do_not_hear_each_other(self):
        net, samples = Hubert(HUBERT), torch.randn(3, 2000) * torch.tensor([[0.1], [1.0], [9.0]])
        equal(net(samples), torch.cat([net(one[None]) for one in samples]))

    @torch.inference_mode()
    def test_folding_the_weight_norm_changes_nothing(self):
        net, samples = Hubert(HUBERT), torch.randn(1, 2000)
        length = net.encoder.pos_conv_embed.conv.weight_g
        assert length.shape == (1, 1, HUBERT.position_kernel)
        length *= torch.rand(length.shape) + 0.5
        kept = net(samples)
        fold(net)
        assert not any("weight_g" in name for name, _ in net.named_parameters())
        equal(net(samples), kept)

    @torch.inference_mode()
    def test_layer_is_the_post_norm_layer_of_torch(self):
        ours, hidden = hubert.Layer(HUBERT), torch.randn(2, 7, HUBERT.width)
        theirs = _torch_layer(HUBERT, eps=1e-5)
        attention = ours.attention
        _fill(
            theirs,
            [attention.q_proj, attention.k_proj, attention.v_proj],
            [
                attention.out_proj,
                ours.layer_norm,
                ours.feed_forward.intermediate_dense,
                ours.feed_forward.output_dense,
                ours.final_layer_norm,
            ],
        )
        equal(ours(hidden), theirs(hidden))

    def test_epsilons(self):
        assert _epsilons(Hubert(HUBERT)) == {1e-5}


class TestRoberta:
    @torch.inference_mode()
    def test_layer_is_the_post_norm_layer_of_torch(self):
        ours, hidden = roberta.Layer(ROBERTA), torch.randn(7, ROBERTA.width)
        theirs = _torch_layer(ROBERTA, eps=1e-12)
        attention = ours.attention
        _fill(
            theirs,
            [attention.self.query, attention.self.key, attention.self.value],
            [
                attention.output.dense,
                attention.output.LayerNorm,
                ours.intermediate.dense,
                ours.output.dense,
                ours.output.LayerNorm,
            ],
        )
        equal(ours(hidden), theirs(hidden[None])[0])

    @torch.inference_mode()
    def test_only_the_used_layers_are_built_and_they_give_the_same(self):
        used, whole = Roberta(ROBERTA), Roberta(replace(ROBERTA, used_layers=3))
        assert (len(used.encoder.layer), len(whole.encoder.layer)) == (2, 3)
        left_out = whole.load_state_dict(used.state_dict(), strict=False).missing_keys
        assert left_out
        assert all(name.startswith("encoder.layer.2.") for name in left_out)
        ids = torch.tensor([1, 7, 30, 7, 2])
        equal(used(ids), whole.encoder.layer[1](whole.encoder.layer[0](whole.embeddings(ids))))

    @torch.inference_mode()
    def test_order_matters(self):
        net = Roberta(ROBERTA)
        forwards, backwards = net(torch.tensor([1, 7, 30, 2])), net(torch.tensor([2, 30, 7, 1]))
        assert (forwards - backwards.flip(0)).abs().max() > 0.1

    @torch.inference_mode()
    def test_reaches_the_last_position(self):
        ids = torch.randint(0, ROBERTA.vocabulary, (ROBERTA.positions,))
        assert Roberta(ROBERTA)(ids).shape == (ROBERTA.positions, ROBERTA.width)

    def test_epsilons(self):
        assert _epsilons(Roberta(ROBERTA)) == {1e-12}


class TestERes2Net:
    @pytest.fixture
    def net(self):
        return _with_statistics(ERes2NetV2(ERES2NET))

    @torch.inference_mode()
    def test_one_vector_per_recording_however_long(self, net):
        for frames in (8, 50, 93):
            assert net(torch.randn(2, frames, ERES2NET.bands)).shape == (2, ERES2NET.width)

    @torch.inference_mode()
    def test_recordings_in_a_batch_do_not_hear_each_other(self, net):
        features = torch.randn(3, 40, ERES2NET.bands)
        equal(net(features), torch.cat([net(one[None]) for one in features]))

    @torch.inference_mode()
    @pytest.mark.parametrize("head", [False, True])
    def test_fusing_changes_nothing(self, head):
        net = _with_statistics(ERes2NetV2(ERES2NET, head=head))
        features = torch.randn(2, 40, ERES2NET.bands)
        kept = net(features)
        fused = fuse(copy.deepcopy(net))
        assert not any(isinstance(module, FrozenNorm) for module in fused.modules())
        equal(fused(features), kept)
        equal(fuse(fused)(features), kept)

    def test_every_parameter_has_a_say(self, net):
        net(torch.randn(1, 40, ERES2NET.bands)).square().sum().backward()
        silent = [name for name, p in net.named_parameters() if not p.grad.abs().max() > 1e-4]
        assert silent == []

    @torch.inference_mode()
    def test_norm_is_the_one_of_torch(self):
        theirs = nn.BatchNorm2d(5).eval()
        ours = FrozenNorm(5)
        for tensor in (theirs.weight, theirs.bias, theirs.running_mean, theirs.running_var):
            tensor.uniform_(0.5, 2.0)
        ours.load_state_dict(
            {k: v for k, v in theirs.state_dict().items() if k != "num_batches_tracked"}
        )
        picture = torch.randn(2, 5, 4, 3)
        equal(ours(picture), theirs(picture))

    @torch.inference_mode()
    def test_fusion_leans_between_all_of_one_and_all_of_the_other(self):
        fusion = eres2net.Fusion(8)
        x, y = torch.randn(2, 1, 8, 4, 3)
        last = fusion.local_att[4]
        for bias, expected in ((50.0, 2 * x), (-50.0, 2 * y)):
            last.bias.fill_(bias)
            equal(fusion(x, y), expected)


def test_families_name_encoders_of_the_right_kind():
    for family in FAMILIES.values():
        content, spelling = family.content_encoder, family.token_model.spelling
        if content is None:
            # What tokens mean is known, and the decoder's codebook holds it.
            assert spelling is not None
            assert spelling.content == family.decoder.content
            assert spelling.codes <= family.decoder.codes == family.token_model.codes
        else:
            assert spelling is None
            assert encoder_spec(content, HubertSpec).width == family.decoder.content
        text, speaker = family.text_encoder, family.speaker_encoder
        if text is not None:
            width = encoder_spec(text, RobertaSpec).width
            assert width == family.token_model.text_features
        if speaker is not None:
            vector = ENCODERS[speaker]
            assert isinstance(vector, ERes2NetSpec | EcapaSpec)
            assert vector.width == family.decoder.speaker_vector
            if family.speaker_aware:
                assert vector.width == family.token_model.text_features


def _torch_layer(spec, eps):
    return nn.TransformerEncoderLayer(
        spec.width,
        spec.heads,
        spec.feedforward,
        dropout=0.0,
        activation="gelu",
        layer_norm_eps=eps,
        batch_first=True,
        norm_first=False,
    )


def _fill(layer, projections, others):
    """Give `layer` our weights: first query, key and value, then the rest in order of use."""
    layer.self_attn.in_proj_weight.copy_(torch.cat([p.weight for p in projections]))
    layer.self_attn.in_proj_bias.copy_(torch.cat([p.bias for p in projections]))
    parts = (layer.self_attn.out_proj, layer.norm1, layer.linear1, layer.linear2, layer.norm2)
    for part, ours in zip(parts, others, strict=True):
        part.load_state_dict(ours.state_dict())


def _epsilons(net):
    return {m.eps for m in net.modules() if isinstance(m, (nn.LayerNorm, nn.GroupNorm))}


def _with_statistics(net):
    for module in net.modules():
        if isinstance(module, FrozenNorm):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (module.bias.data, module.running_mean):
                tensor.uniform_(-0.5, 0.5)
    return net
