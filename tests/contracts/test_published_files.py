"""Published files in, model folders out: what is accepted, refused, kept and checked."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

import published

from myna.checkpoints import names, recognise, shapes, store
from myna.checkpoints.convert import convert
from myna.checkpoints.legacy import Published
from myna.checkpoints.recognise import Recognised
from myna.errors import (
    CheckpointError,
    ModelNotFoundError,
    UnknownCheckpointError,
    UnsafeCheckpointError,
)
from myna.files import sha256
from myna.specs import ENCODERS, FAMILIES, RobertaSpec

NO_MD5 = "0" * 32


def seen(
    tensors: dict[str, Any], *, section: str = "weight", head: str = "PK", md5: str = NO_MD5
) -> Recognised:
    """What a file with these tensors is taken for."""
    arrays = {name: np.asarray(tensor) for name, tensor in tensors.items()}
    keys = ("weight", "config", "info") if section == "weight" else (section, "optimizer")
    file = Published(
        path=Path("voice.pth"),
        tensors=arrays,
        section=section,
        keys=keys,
        config={},
        info="",
        head=head,
        head_md5=md5,
    )
    return recognise.recognise(file)


# --- recognising -------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["v1", "v2", "v2Pro", "v2ProPlus"])
def test_decoders_are_known_by_their_tensors(family: str) -> None:
    found = seen(published.decoder(family))
    assert found.network == "decoder"
    assert found.families == (family,)
    assert found.tensors.keys() == shapes.decoder(FAMILIES[family].decoder).keys()


def test_a_fine_tuned_decoder_lacks_the_posterior_encoder() -> None:
    tensors = published.decoder("v2", fine_tuned=True)
    found = seen(tensors, head="PK")
    assert found.families == ("v2",)
    assert not any(name.startswith("posterior_encoder") for name in found.tensors)
    tensors |= {k: v for k, v in published.decoder("v2").items() if k.startswith("enc_q.pre")}
    with pytest.raises(CheckpointError, match=r"lacks enc_q\."):
        seen(tensors)


@pytest.mark.parametrize(
    ("family", "families"), [("v1", ("v1",)), ("v2", ("v2", "v2Pro", "v2ProPlus"))]
)
def test_token_models_are_known_by_their_phone_table(
    family: str, families: tuple[str, ...]
) -> None:
    assert seen(published.token_model(family)).families == families
    bare = {name.removeprefix("model."): t for name, t in published.token_model(family).items()}
    assert seen(bare).families == families


HELPERS = {
    "hubert-base": (lambda: shapes.encoder(ENCODERS["hubert-base"]), names.HUBERT),
    "eres2netv2": (lambda: shapes.encoder(ENCODERS["eres2netv2"]), names.ERES2NETV2),
    "roberta-large": (lambda: shapes.encoder(ENCODERS["roberta-large"]), names.ROBERTA),
}
EXTRA = {
    "hubert-base": {"masked_spec_embed": torch.zeros(768)},
    "eres2netv2": {"bn1.num_batches_tracked": torch.tensor(5)},
    "roberta-large": {
        "cls.predictions.bias": torch.zeros(21128),
        "bert.pooler.dense.weight": torch.zeros(1024, 1024),
        "bert.embeddings.position_ids": torch.arange(512)[None],
    },
}


@pytest.mark.parametrize("encoder", HELPERS)
def test_encoders_are_known_with_and_without_prefix(encoder: str) -> None:
    expected, table = HELPERS[encoder]
    plain = published.state(expected(), table)
    prefixed = {table.prefix + name: tensor for name, tensor in plain.items()}
    for tensors in (plain, prefixed):
        found = seen(tensors | EXTRA[encoder], section="")
        assert found.network == encoder
        assert found.families == ()
        assert found.tensors.keys() == expected().keys()


def test_both_spellings_of_the_positional_convolution() -> None:
    tensors = published.state(shapes.encoder(ENCODERS["hubert-base"]), names.HUBERT)
    stem = "encoder.pos_conv_embed.conv"
    for i, letter in enumerate("gv"):
        weight = tensors.pop(f"{stem}.weight_{letter}")
        tensors[f"{stem}.parametrizations.weight.original{i}"] = weight
    assert seen(tensors, section="").network == "hubert-base"
    tensors[f"{stem}.weight_g"] = torch.zeros(1, 1, 128)
    with pytest.raises(CheckpointError, match="given twice"):
        seen(tensors, section="")


def test_folded_weight_norm_is_unfolded_without_loss() -> None:
    tensors = published.decoder("v2", fine_tuned=True)
    torch.manual_seed(0)
    weight = torch.randn(512, 256, 16).half()
    del tensors["dec.ups.0.weight_g"], tensors["dec.ups.0.weight_v"]
    tensors["dec.ups.0.weight"] = weight
    found = seen(tensors).tensors
    g, v = found["generator.upsamples.0.weight_g"], found["generator.upsamples.0.weight_v"]
    assert g.shape == (512, 1, 1)
    again = torch._weight_norm(torch.from_numpy(v).float(), torch.from_numpy(g), 0)
    torch.testing.assert_close(again, weight.float(), atol=0, rtol=1e-6)


@pytest.mark.parametrize(
    ("tensors", "section", "reason"),
    [
        ({"cfm.estimator.proj_out.weight": 0}, "weight", "v3 or v4.*not supported yet"),
        ({"cfm.base_model.x.to_q.lora_A.default.weight": 0}, "weight", "LoRA.*not supported yet"),
        ({"enc_p.text_embedding.weight": 0}, "model", "unfinished training"),
        ({"model.ar_predict_layer.weight": 0}, "state_dict", "unfinished training"),
        ({"conv_pre.weight": 0, "conv_post.bias": 0}, "", "vocoder of v4"),
        ({"activation_post.act.alpha": 0}, "generator", "vocoder of v3"),
        ({"encoder.foo": 0}, "", r"no model that Myna knows.*encoder\.foo"),
    ],
)
def test_what_cannot_be_used_is_named(tensors: dict[str, Any], section: str, reason: str) -> None:
    with pytest.raises(UnknownCheckpointError, match=reason):
        seen(tensors, section=section)


@pytest.mark.parametrize(
    ("family", "families"), [("v2", ("v1", "v2")), ("v2Pro", ("v2Pro", "v2ProPlus"))]
)
def test_a_discriminator_is_known_by_its_periods(family: str, families: tuple[str, ...]) -> None:
    tensors = published.discriminator(family)
    found = seen(tensors)
    assert (found.network, found.families) == ("discriminator", families)
    tensors.pop("discriminators.3.convs.2.weight_g")
    with pytest.raises(CheckpointError, match=r"lacks discriminators\.3\.convs\.2\.weight_g"):
        seen(tensors)
    tensors = {name: t for name, t in tensors.items() if not name.startswith("discriminators.5")}
    with pytest.raises(UnknownCheckpointError, match=r"of no family we know: it has .* periods"):
        seen(tensors)


def test_a_decoder_of_no_family_says_what_it_has() -> None:
    tensors = published.decoder("v2")
    tensors["enc_p.text_embedding.weight"] = torch.zeros(500, 192).half()
    with pytest.raises(
        UnknownCheckpointError, match=r"500 phones, 192 channels, 704 reference bins, no speaker"
    ):
        seen(tensors)


def test_every_name_and_shape_is_checked() -> None:
    whole = published.decoder("v2")
    missing = {name: t for name, t in whole.items() if name != "dec.conv_post.weight"}
    with pytest.raises(CheckpointError, match=r"decoder of v2, but it lacks dec\.conv_post"):
        seen(missing)
    with pytest.raises(CheckpointError, match=r"'dec\.extra' unknown to decoder of v2"):
        seen(whole | {"dec.extra": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=r"has the unknown dec\.resblocks\.15\.convs1"):
        seen(whole | {"dec.resblocks.15.convs1.0.bias": torch.zeros(1)})
    wrong = whole | {"dec.cond.bias": torch.zeros(511).half()}
    with pytest.raises(CheckpointError, match=r"dec\.cond\.bias of shape \(511,\) instead of"):
        seen(wrong)
    for value in (torch.zeros(512).int(), torch.zeros(512).double()):
        with pytest.raises(CheckpointError, match="floating point"):
            seen(whole | {"dec.cond.bias": value})
    for value in (float("nan"), float("inf")):
        with pytest.raises(CheckpointError, match="no numbers"):
            seen(whole | {"dec.cond.bias": torch.full((512,), value)})


@pytest.mark.parametrize(
    ("head", "md5", "warned"),
    [
        ("PK", NO_MD5, False),
        ("05", NO_MD5, True),
        ("03", NO_MD5, True),
        ("PK", "6642b37f3dbb1f76882b69937c95a5f3", False),
        ("PK", "c7e9fce2223f3db685cdfa1e6368728a", True),
    ],
)
def test_the_tensors_overrule_the_first_bytes(
    head: str, md5: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert seen(published.decoder("v2"), head=head, md5=md5).families == ("v2",)
    assert ("going by the tensors" in caplog.text) == warned


# --- converting ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    folder = tmp_path_factory.mktemp("published")
    made = {
        "s1": published.save_token_model(folder / "anna-e15.ckpt", published.token_model("v2")),
        "s2Pro": published.save_decoder(
            folder / "anna_e8_s96.pth", published.decoder("v2Pro", fine_tuned=True), "05"
        ),
        "s2v1": published.save_decoder(
            folder / "old.pth", published.decoder("v1", fine_tuned=True)
        ),
    }
    yield made
    for path in made.values():
        path.unlink()


@pytest.fixture(scope="session")
def made(
    files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[store.ModelFolder]:
    """A voice model that tests read but do not change."""
    out = tmp_path_factory.mktemp("models") / "anna"
    yield convert([files["s2Pro"], files["s1"]], out)
    shutil.rmtree(out)


@pytest.fixture(autouse=True)
def no_weights_left(tmp_path: Path) -> Iterator[None]:
    yield
    shutil.rmtree(tmp_path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MYNA_HOME", str(tmp_path / "home"))
    # No model comes with Myna, so that tests see what they made.
    monkeypatch.setattr(store, "PACKAGED", tmp_path / "packaged")
    return tmp_path / "home"


def small(out: Path, name: str | None = None) -> store.ModelFolder:
    """A model folder with hardly anything in it."""
    parts = {"weights": {"a": np.arange(3, dtype=np.float16)}}
    return store.write(
        out, kind="encoder", spec="eres2netv2", parts=parts, provenance={"sources": []}, name=name
    )


def test_a_voice_model_is_made_of_two_files_in_any_order(
    made: store.ModelFolder, files: dict[str, Path]
) -> None:
    assert made.name == "anna"
    assert made.kind == "voice-model"
    assert made.family is FAMILIES["v2Pro"]
    assert sorted(path.name for path in made.path.iterdir()) == [
        "decoder.safetensors",
        "model.json",
        "token_model.safetensors",
    ]
    for part, expected in (
        ("token_model", shapes.token_model(made.family.token_model)),
        ("decoder", shapes.decoder(made.family.decoder)),
    ):
        tensors = store.tensors(made, part)
        assert set(tensors) == {name for name in expected if not shapes.optional(name)}
        for name in ("head.weight", "layers.3.attention.qkv.bias", "flow.2.wavenet.outputs.3.bias"):
            if name in tensors:
                wanted = published.values(name, expected[name]).numpy()
                np.testing.assert_array_equal(tensors[name], wanted)
                assert tensors[name].dtype == np.float16
    with pytest.raises(KeyError):
        store.tensors(made, "decoder")["nothing"]


def test_where_it_came_from_is_kept(made: store.ModelFolder, files: dict[str, Path]) -> None:
    decoder, token_model = made.provenance["sources"]
    assert decoder["network"] == "decoder"
    assert decoder["file"] == "anna_e8_s96.pth"
    assert decoder["sha256"] == sha256(files["s2Pro"])
    assert decoder["head"] == "05"
    assert decoder["info"] == "8epoch_96iteration"
    assert decoder["precision"] == ["float16"]
    assert decoder["config"] == {"data": {"hop_length": 640}, "model": {"version": "v2"}}
    assert token_model["config"]["inference"] == {"top_k": 15}
    assert made.provenance["myna"]
    assert made.provenance["converted"].startswith("20")


def test_a_mismatched_or_doubled_pair_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(CheckpointError, match=r"v2/v2Pro/v2ProPlus.*decoder of v1") as caught:
        convert([files["s1"], files["s2v1"]], out)
    assert "Take both from the same family" in str(caught.value)
    with pytest.raises(CheckpointError, match=r"old\.pth is a decoder \(S2, SoVITS\); .*Pro|S2"):
        convert([files["s2v1"], files["s2v1"]], out)
    with pytest.raises(CheckpointError, match=r"but .*ckpt is a token model \(S1, GPT\)\."):
        convert([files["s1"]], out)
    with pytest.raises(CheckpointError, match="none was given"):
        convert([], out)
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_a_discriminator_may_come_along(
    files: dict[str, Path], made: store.ModelFolder, tmp_path: Path
) -> None:
    judges = {
        family: published.save_discriminator(
            tmp_path / f"s2D{family}.pth", published.discriminator(family)
        )
        for family in ("v2", "v2Pro")
    }
    with pytest.raises(
        CheckpointError, match=r"discriminator \(s2D\), which only training needs\."
    ):
        convert([judges["v2"]], tmp_path / "out")
    with pytest.raises(CheckpointError, match=r"discriminator of v1/v2 and .*decoder of v2Pro"):
        convert([files["s1"], files["s2Pro"], judges["v2"]], tmp_path / "out")
    with pytest.raises(CheckpointError, match="one token model"):
        convert([files["s1"], files["s2Pro"], *[judges["v2Pro"]] * 2], tmp_path / "out")
    model = convert([judges["v2Pro"], files["s1"], files["s2Pro"]], tmp_path / "out")
    assert model.parts == ("token_model", "decoder", "discriminator")
    assert model.fingerprint == made.fingerprint, "it speaks as without"
    expected = shapes.discriminator(model.family.decoder.discriminator)
    assert {name: t.shape for name, t in store.tensors(model, "discriminator").items()} == expected
    store.verify(model)


def test_a_poisoned_file_converts_to_nothing(tmp_path: Path) -> None:
    import os

    class Poison:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    path = tmp_path / "voice.pth"
    torch.save({"weight": {"a": torch.ones(1)}, "config": Poison()}, path)
    with pytest.raises(UnsafeCheckpointError, match=r"system"):
        convert([path], tmp_path / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["voice.pth"]


def test_existing_places_are_respected(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "letters"
    other.mkdir()
    (other / "love.txt").write_text("dear")
    with pytest.raises(CheckpointError, match="is no model folder"):
        convert([], other, overwrite=True)
    small(tmp_path / "anna")
    with pytest.raises(CheckpointError, match="already a model"):
        convert([], tmp_path / "anna")
    with pytest.raises(CheckpointError, match="none was given"):
        convert([], tmp_path / "anna", overwrite=True)
    assert store.open_model(tmp_path / "anna").name == "anna"
    before = store.open_model(tmp_path / "anna").fingerprint
    assert small(tmp_path / "anna").fingerprint == before, "replaced, and the weights are the same"
    assert {path.name for path in tmp_path.iterdir()} == {"letters", "anna"}


@pytest.fixture
def tiny_roberta(monkeypatch: pytest.MonkeyPatch) -> published.State:
    """The text encoder with its first layer only."""
    spec = RobertaSpec(layers=1)
    monkeypatch.setitem(ENCODERS, "roberta-large", spec)
    some = shapes.encoder(spec)
    state = published.state(some, names.ROBERTA)
    return {f"bert.{name}": tensor for name, tensor in state.items()}


def test_a_text_encoder_brings_its_word_pieces(
    tmp_path: Path, tiny_roberta: published.State
) -> None:
    folder = tmp_path / "chinese-roberta"
    folder.mkdir()
    torch.save(tiny_roberta, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"needs its word pieces"):
        convert([folder], tmp_path / "a")
    pieces = [f"[unused{i}]" if i % 2 else f"字{i}\u2028" for i in range(21_128)]
    tokens = {piece: i for i, piece in reversed(list(enumerate(pieces)))}
    packed = folder / "tokenizer.json"
    packed.write_text(json.dumps({"model": {"vocab": dict(list(tokens.items())[:-1])}}))
    with pytest.raises(CheckpointError, match="gaps"):
        convert([folder], tmp_path / "a")
    packed.write_text(json.dumps({"model": {"vocab": tokens}}), encoding="utf-8")
    packed_model = convert([folder], tmp_path / "a")
    packed.unlink()
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8", newline="\n")
    plain_model = convert([folder / "pytorch_model.bin"], tmp_path / "b")
    for model in (packed_model, plain_model):
        assert model.kind == "encoder"
        assert model.vocabulary is not None
        assert model.vocabulary.read_text(encoding="utf-8").split("\n") == [*pieces, ""]
        store.verify(model)
    assert packed_model.fingerprint == plain_model.fingerprint
    with pytest.raises(CheckpointError, match="not a voice model"):
        _ = packed_model.family
    (folder / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(CheckpointError, match="has 2 word pieces"):
        convert([folder], tmp_path / "c")


def test_an_encoder_from_a_safetensors_folder(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    expected, table = HELPERS["eres2netv2"]
    save_file(published.state(expected(), table), tmp_path / "model.safetensors")
    model = convert([tmp_path], tmp_path / "speaker")
    assert (model.kind, model.spec, model.parts) == ("encoder", "eres2netv2", ("weights",))
    assert model.vocabulary is None
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="folder without weights"):
        convert([tmp_path / "empty"], tmp_path / "b")


# --- keeping -------------------------------------------------------------------------------------


def test_models_are_opened_by_name_or_folder(home: Path, tmp_path: Path) -> None:
    small(store.installed_path("anna"))
    small(tmp_path / "elsewhere", name="Bert")
    assert store.open_model("anna").path == home / "models" / "anna"
    assert store.open_model(tmp_path / "elsewhere").name == "Bert"
    assert store.open_model(str(tmp_path / "elsewhere")).name == "Bert"
    assert [model.name for model in store.installed()] == ["anna"]


def test_a_folder_here_is_found_by_its_bare_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small(tmp_path / "anna", name="local")
    assert store.open_model("anna").name == "local"
    small(store.installed_path("anna"))
    assert store.open_model("anna").name == "anna"
    assert store.open_model("./anna").name == "local"


def test_a_missing_model_says_how_to_get_it(home: Path) -> None:
    small(store.installed_path("anna"))
    with pytest.raises(ModelNotFoundError, match="myna models get v2ProPlus"):
        store.open_model("v2ProPlus")
    with pytest.raises(ModelNotFoundError, match=r"there: anna.*v1, v2"):
        store.open_model("nobody")
    with pytest.raises(ModelNotFoundError):
        store.open_model("../anna")


def test_removal_stays_inside_the_store(home: Path, tmp_path: Path) -> None:
    small(store.installed_path("anna"))
    small(tmp_path / "outside")
    (home / "models" / "notes").mkdir()
    (home / "models" / "link").symlink_to(tmp_path / "outside")
    for name in ("../outside", "../../outside", str(tmp_path / "outside"), "", ".", "..", "notes"):
        with pytest.raises(ModelNotFoundError):
            store.remove(name)
    store.remove("link")
    assert (tmp_path / "outside" / "model.json").is_file()
    store.remove("anna")
    assert store.installed() == ()


@pytest.mark.parametrize("name", ["../x", "", ".x", "a/b", "a\\b", "a b", "x" * 65, "a\n"])
def test_unfit_names_are_refused(home: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="no fit name"):
        store.installed_path(name)


def test_every_changed_byte_is_found(home: Path, tmp_path: Path) -> None:
    model = small(tmp_path / "anna")
    store.verify(model)
    file = model.file("weights")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"anna.*damaged: weights\.safetensors"):
        store.verify(model)
    file.write_bytes(content[:-1])
    with pytest.raises(CheckpointError, match="cut short"):
        store.open_model(tmp_path / "anna")


def test_the_fingerprint_is_of_the_weights_alone(home: Path, tmp_path: Path) -> None:
    one, two = small(tmp_path / "one"), small(tmp_path / "two", name="other")
    assert one.fingerprint == two.fingerprint
    assert len(one.fingerprint) == 64
    other = store.write(
        tmp_path / "three",
        kind="encoder",
        spec="eres2netv2",
        parts={"weights": {"a": np.arange(4, dtype=np.float16)}},
        provenance={},
    )
    assert other.fingerprint != one.fingerprint


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "newer Myna"),
        ({"spec": "v9"}, "update to use it"),
        ({"kind": "recipe"}, "update to use it"),
        ({"name": "../anna"}, "no fit name"),
        ({"files": {}}, "does not hold"),
        ({"files": {"weights.safetensors": {"size": 1}}}, "damaged"),
        ({"files": {"../../secret": {"size": 1, "sha256": "0" * 64}}}, "does not hold"),
        ({"provenance": None, "files": None}, "damaged"),
    ],
)
def test_a_card_that_lies_is_refused(
    home: Path, tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    card = small(tmp_path / "anna").path / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | change))
    with pytest.raises(CheckpointError, match=reason):
        store.open_model(tmp_path / "anna")


def test_a_damaged_model_does_not_hide_the_others(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small(store.installed_path("anna"))
    broken = small(store.installed_path("broken"))
    (broken.path / "model.json").write_text("{")
    with caplog.at_level(logging.WARNING):
        assert [model.name for model in store.installed()] == ["anna"]
    assert "broken" in caplog.text


def test_a_failed_write_leaves_what_was_there(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = small(tmp_path / "anna").fingerprint

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "save_file", full)
    with pytest.raises(CheckpointError, match="No space left"):
        small(tmp_path / "anna")
    assert store.open_model(tmp_path / "anna").fingerprint == before
    assert [path.name for path in tmp_path.iterdir()] == ["anna"]


def test_weights_can_be_read_by_whoever_may_read_the_card(tmp_path: Path) -> None:
    folder = small(tmp_path / "anna").path
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1


def test_a_card_nested_without_end_is_damaged(tmp_path: Path) -> None:
    model = small(tmp_path / "anna")
    (model.path / "model.json").write_text("[" * 100_000)
    with pytest.raises(CheckpointError, match="is damaged"):
        store.open_model(model.path)


def test_replacing_a_link_leaves_nothing_behind(tmp_path: Path) -> None:
    small(tmp_path / "elsewhere")
    (tmp_path / "anna").symlink_to(tmp_path / "elsewhere")
    small(tmp_path / "anna")
    assert {path.name for path in tmp_path.iterdir()} == {"anna", "elsewhere"}
    assert (tmp_path / "elsewhere" / "model.json").is_file()
