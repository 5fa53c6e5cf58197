"""Adapters: a fresh one changes nothing, a merged one computes what an unmerged one does."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from torch import Tensor, nn

from myna.errors import CheckpointError, ConfigError
from myna.nets import lora
from myna.nets.cache import GrowingCache
from myna.nets.flow import Flow
from myna.nets.prior_encoder import Attention
from myna.nets.token_model import TokenModel
from myna.nets.weight_norm import WeightNormConv1d, fold
from myna.specs import DecoderSpec, TokenModelSpec

TOKEN_MODEL = TokenModelSpec(
    phones=20, text_features=6, width=16, heads=2, layers=2, feedforward=24, codes=12
)
DECODER = DecoderSpec(phones=20, hidden=12, timbre=5, flows=2, flow_layers=2)


def token_model() -> tuple[nn.Module, Callable[[nn.Module], Tensor], list[str]]:
    phones, prompt = torch.arange(5)[None], torch.arange(4)[None]

    def run(net: nn.Module) -> Tensor:
        assert isinstance(net, TokenModel)
        return net.prefill(phones, None, prompt, GrowingCache())

    return TokenModel(TOKEN_MODEL).eval(), run, ["attention.qkv", "out", r"feedforward\.\d"]


def flow() -> tuple[nn.Module, Callable[[nn.Module], Tensor], list[str]]:
    z, mask, timbre = torch.randn(2, 12, 9), torch.ones(2, 1, 9), torch.randn(2, 5, 1)
    return Flow(DECODER), lambda net: net(z, mask, timbre), ["wavenet\\..*", "first", "last"]


def convolutions() -> tuple[nn.Module, Callable[[nn.Module], Tensor], list[str]]:
    net = nn.Sequential(
        nn.Conv1d(4, 6, 3, padding=1),
        nn.Conv1d(6, 6, 5, groups=3, padding_mode="reflect", padding=2),
        WeightNormConv1d(6, 8, 4, stride=2, transposed=True),
        WeightNormConv1d(8, 8, 3, groups=2, dim=2),
    )
    x = torch.randn(2, 4, 20)
    return net, lambda net: net(x), [r"\d"]


def attention() -> tuple[nn.Module, Callable[[nn.Module], Tensor], list[str]]:
    x, sight = torch.randn(1, 8, 6), torch.ones(1, 1, 6, 6)
    return Attention(8, 2, 0.0, window=2), lambda net: net(x, x, sight), ["query", "value"]


CASES = [token_model, flow, convolutions, attention]


@pytest.fixture(autouse=True)
def _same_weights_every_time():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def train(net: nn.Module) -> None:
    """Move the adapters as training might."""
    for name, parameter in net.named_parameters():
        if name.endswith(("lora_a", "lora_b")):
            parameter.data.add_(0.1 * torch.randn_like(parameter))


@pytest.mark.parametrize("case", CASES)
class TestAnyNet:
    def test_a_fresh_adapter_changes_no_bit(self, case):
        net, run, targets = case()
        before = run(net)
        assert lora.add(net, targets, rank=3, alpha=6)
        assert torch.equal(run(net), before)

    def test_merged_computes_what_unmerged_does_under_the_plain_names(self, case):
        net, run, targets = case()
        names, before = list(net.state_dict()), run(net)
        kinds = [type(module) for module in net.modules()]
        lora.add(net, targets, rank=3, alpha=6)
        train(net)
        unmerged = run(net)
        assert (unmerged - before).abs().max() > 1e-2
        lora.merge(net)
        torch.testing.assert_close(run(net), unmerged, rtol=1e-5, atol=1e-6)
        assert list(net.state_dict()) == names
        assert [type(module) for module in net.modules()] == kinds

    def test_unmerging_gives_back_base_and_adapters(self, case):
        net, run, targets = case()
        before = run(net)
        lora.add(net, targets, rank=3)
        train(net)
        unmerged, names = run(net), list(net.state_dict())
        taken = lora.merge(net)
        lora.unmerge(net, taken)
        assert list(net.state_dict()) == names
        torch.testing.assert_close(run(net), unmerged, rtol=1e-5, atol=1e-6)
        for name, tensor in lora.adapters(net).items():
            if name.endswith("lora_b"):
                tensor.zero_()
        torch.testing.assert_close(run(net), before, rtol=1e-5, atol=1e-6)

    def test_adapters_carry_over_to_another_net_of_its_kind(self, case):
        net, run, targets = case()
        other = copy.deepcopy(net)
        lora.add(net, targets, rank=3, alpha=1)
        train(net)
        lora.add(other, targets, rank=2, seed=5)  # replaced
        assert lora.load_adapters(other, lora.adapters(net)) == tuple(
            dict.fromkeys(name.rpartition(".")[0] for name in lora.adapters(net))
        )
        assert torch.equal(run(other), run(net))
        assert list(other.state_dict()) == list(net.state_dict())

    def test_only_adapters_learn_and_all_of_them_do(self, case):
        net, run, targets = case()
        lora.add(net, targets, rank=3)
        train(net)
        run(net).square().sum().backward()
        for name, parameter in net.named_parameters():
            learns = name.endswith(("lora_a", "lora_b"))
            assert parameter.requires_grad == learns, name
            assert learns == (parameter.grad is not None and bool(parameter.grad.any())), name

    def test_base_parameters_keep_their_names_and_values(self, case):
        net, _run, targets = case()
        before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        lora.add(net, targets, rank=3)
        train(net)
        after = net.state_dict()
        assert set(after) == set(before) | set(lora.adapters(net))
        assert all(torch.equal(after[name], tensor) for name, tensor in before.items())

    def test_its_state_loads_into_a_net_adapted_alike(self, case):
        net, run, targets = case()
        other = copy.deepcopy(net)
        lora.add(net, targets, rank=3)
        train(net)
        lora.add(other, targets, rank=3, seed=1)
        other.load_state_dict(net.state_dict())
        assert torch.equal(run(other), run(net))
        assert torch.equal(run(copy.deepcopy(net)), run(net))


def test_whoever_reads_a_weight_reads_the_sum():
    net, _run, targets = token_model()
    assert isinstance(net, TokenModel)
    lora.add(net, targets, rank=2)
    train(net)
    phones, features = torch.arange(5)[None], None
    cache = GrowingCache()
    net.prefill(phones, features, torch.tensor([[1, 2]]), cache)
    stepped = net.step(torch.tensor([3]), torch.tensor([2]), cache)
    whole = net.prefill(phones, features, torch.tensor([[1, 2, 3]]), GrowingCache())
    torch.testing.assert_close(stepped, whole, rtol=1e-4, atol=1e-5)


def test_folding_the_weight_norm_folds_the_adapter_in():
    net, run, targets = convolutions()
    lora.add(net, targets, rank=2)
    train(net)
    before = run(net)
    torch.testing.assert_close(run(fold(net)), before, rtol=1e-5, atol=1e-6)


def test_merged_is_base_plus_the_scaled_product():
    net = nn.Sequential(nn.Linear(3, 2))
    base = net[0].weight.detach().clone()
    lora.add(net, ["0"], rank=4, alpha=2)
    train(net)
    a, b, scale = (lora.adapters(net)[f"0.{part}"] for part in ("lora_a", "lora_b", "lora_scale"))
    assert scale == 0.5
    torch.testing.assert_close(lora.merged(base, a, b, scale), base + 0.5 * b @ a)
    torch.testing.assert_close(net[0].weight, base + 0.5 * b @ a)


def test_first_values_depend_on_seed_and_name_alone():
    def first(seed: int, *names: str) -> dict[str, Tensor]:
        net = nn.ModuleDict({name: nn.Linear(4, 4) for name in names})
        lora.add(net, names, rank=2, seed=seed)
        return {name: lora.adapters(net)[f"{name}.lora_a"] for name in names}

    assert torch.equal(first(1, "x", "y")["y"], first(1, "y")["y"])
    assert not torch.equal(first(1, "y")["y"], first(2, "y")["y"])
    assert not torch.equal(*first(1, "x", "y").values())


def test_an_overfitted_batch_shows_that_adapters_learn():
    net = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1))
    lora.add(net, [r"\d"], rank=4)
    x, y = torch.randn(8, 6), torch.randn(8, 1)
    optimiser = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=0.02)
    losses = []
    for _ in range(200):
        loss = (net(x) - y).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


class TestMistakes:
    def test_a_target_that_names_nothing_lists_what_there_is(self):
        net, *_ = token_model()
        with pytest.raises(ConfigError, match=r"'qvk' names no layer.*text_features"):
            lora.add(net, ["attention.qkv", "qvk"], rank=2)
        assert not lora.adapters(net)
        assert all(parameter.requires_grad for parameter in net.parameters())

    def test_a_name_is_matched_by_whole_parts(self):
        with pytest.raises(ConfigError, match="names no layer"):
            lora.add(token_model()[0], ["kv"], rank=2)

    def test_no_adapter_upon_an_adapter(self):
        net, *_ = token_model()
        lora.add(net, ["qkv"], rank=2)
        with pytest.raises(ConfigError, match="merge it first"):
            lora.add(net, ["attention.qkv"], rank=2)

    @pytest.mark.parametrize(("targets", "rank"), [([], 2), (["qkv"], 0), (["("], 2)])
    def test_settings_out_of_range(self, targets, rank):
        with pytest.raises(ConfigError):
            lora.add(token_model()[0], targets, rank=rank)

    @pytest.mark.parametrize("change", ["missing", "shape", "layer", "kind"])
    def test_adapters_of_another_net(self, change):
        net, run, _targets = token_model()
        lora.add(net, ["qkv"], rank=2)
        train(net)
        tensors, before = lora.adapters(net), run(net)
        name = "layers.0.attention.qkv.lora_a"
        if change == "missing":
            del tensors[name]
        elif change == "shape":
            tensors[name] = tensors[name][:, 1:]
        elif change == "layer":
            tensors[f"layers.9{name[8:]}"] = tensors.pop(name)
        else:
            tensors["layers.0.attention_norm.lora_a"] = tensors[name]
        with pytest.raises(CheckpointError):
            lora.load_adapters(net, tensors)
        assert torch.equal(run(net), before)
