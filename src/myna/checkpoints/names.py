"""The table between published parameter names and ours.

A rule is a pair of templates; braces stand for a layer number (`{n}`, `{m}`) or for the rest of the
name (`{rest}`), and both sides have the same ones, so every rule can be read in both directions.
What is not carried over stands in the table too, with the reason.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

_HOLE = re.compile(r"\{(\w+)\}")
_STACKS = {
    "enc_p.encoder_ssl": "prior_encoder.content_layers",
    "enc_p.encoder_text": "prior_encoder.text_layers",
    "enc_p.encoder2": "prior_encoder.joint_layers",
}
_ROLES = {"q": "query", "k": "key", "v": "value", "o": "out"}
_WAVENETS = {
    "enc_q.enc": "posterior_encoder.wavenet",
    # the odd entries of `flows` swap channels and have no parameters
    **{f"flow.flows.{2 * n}.enc": f"flow.{n}.wavenet" for n in range(4)},
}


@dataclass(frozen=True)
class Table:
    """Names of one network."""

    rules: Mapping[str, str]
    """Published template to ours."""
    dropped: Mapping[str, str] = field(default_factory=dict)
    """Published template of what is left behind, to the reason."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other published spellings, to the one that `rules` know."""
    prefix: str = ""
    """May stand in front of every published name, or of none."""

    def ours(self, published: str) -> str | None:
        """Our name of a published parameter, or None if it is dropped or unknown."""
        name = published.removeprefix(self.prefix)
        name = _translate(self.aliases, name) or name
        return None if self.reason_to_drop(published) else _translate(self.rules, name)

    def published(self, ours: str) -> str | None:
        """The published name, without the prefix, of one of our parameters."""
        return _translate(self._backwards, ours)

    def reason_to_drop(self, published: str) -> str | None:
        """Why a published parameter is left behind, or None if it is not."""
        name = published.removeprefix(self.prefix)
        return next((why for rule, why in self.dropped.items() if _regex(rule).match(name)), None)

    @cached_property
    def _backwards(self) -> dict[str, str]:
        return {ours: published for published, ours in self.rules.items()}


def _translate(rules: Mapping[str, str], name: str) -> str | None:
    for source, target in rules.items():
        if match := _regex(source).match(name):
            return target.format(**match.groupdict())
    return None


@lru_cache(maxsize=1024)
def _regex(template: str) -> re.Pattern[str]:
    parts = _HOLE.split(template)
    for i, literal in enumerate(parts):
        if i % 2 == 0:
            parts[i] = re.escape(literal)
        else:
            parts[i] = f"(?P<{literal}>{'.+' if literal == 'rest' else '[0-9]+'})"
    return re.compile("".join(parts) + r"\Z")


def _stack(published: str, ours: str) -> dict[str, str]:
    attention = {
        f"{published}.attn_layers.{{n}}.conv_{letter}.{{rest}}": (
            f"{ours}.{{n}}.attention.{role}.{{rest}}"
        )
        for letter, role in _ROLES.items()
    }
    return attention | {
        f"{published}.attn_layers.{{n}}.emb_rel_k": f"{ours}.{{n}}.attention.relative_keys",
        f"{published}.attn_layers.{{n}}.emb_rel_v": f"{ours}.{{n}}.attention.relative_values",
        f"{published}.norm_layers_1.{{n}}.gamma": f"{ours}.{{n}}.attention_norm.weight",
        f"{published}.norm_layers_1.{{n}}.beta": f"{ours}.{{n}}.attention_norm.bias",
        f"{published}.ffn_layers.{{n}}.conv_1.{{rest}}": f"{ours}.{{n}}.feedforward.0.{{rest}}",
        f"{published}.ffn_layers.{{n}}.conv_2.{{rest}}": f"{ours}.{{n}}.feedforward.1.{{rest}}",
        f"{published}.norm_layers_2.{{n}}.gamma": f"{ours}.{{n}}.feedforward_norm.weight",
        f"{published}.norm_layers_2.{{n}}.beta": f"{ours}.{{n}}.feedforward_norm.bias",
    }


def _wavenet(published: str, ours: str) -> dict[str, str]:
    return {
        f"{published}.in_layers.{{n}}.{{rest}}": f"{ours}.filters.{{n}}.{{rest}}",
        f"{published}.res_skip_layers.{{n}}.{{rest}}": f"{ours}.outputs.{{n}}.{{rest}}",
        f"{published}.cond_layer.{{rest}}": f"{ours}.condition.{{rest}}",
    }


def _coupling(index: int) -> dict[str, str]:
    return {
        f"flow.flows.{2 * index}.pre.{{rest}}": f"flow.{index}.first.{{rest}}",
        f"flow.flows.{2 * index}.post.{{rest}}": f"flow.{index}.last.{{rest}}",
    }


TOKEN_MODEL = Table(
    prefix="model.",
    rules={
        "bert_proj.{rest}": "text_features.{rest}",
        "ar_text_embedding.word_embeddings.weight": "phone_embedding.weight",
        "ar_text_position.alpha": "phone_positions.alpha",
        "ar_audio_embedding.word_embeddings.weight": "token_embedding.weight",
        "ar_audio_position.alpha": "token_positions.alpha",
        "h.layers.{n}.self_attn.in_proj_weight": "layers.{n}.attention.qkv.weight",
        "h.layers.{n}.self_attn.in_proj_bias": "layers.{n}.attention.qkv.bias",
        "h.layers.{n}.self_attn.out_proj.{rest}": "layers.{n}.attention.out.{rest}",
        "h.layers.{n}.linear1.{rest}": "layers.{n}.feedforward.0.{rest}",
        "h.layers.{n}.linear2.{rest}": "layers.{n}.feedforward.2.{rest}",
        "h.layers.{n}.norm1.{rest}": "layers.{n}.attention_norm.{rest}",
        "h.layers.{n}.norm2.{rest}": "layers.{n}.feedforward_norm.{rest}",
        "ar_predict_layer.weight": "head.weight",
    },
)

_EMA = "bookkeeping of the codebook's training"
DECODER = Table(
    rules={
        "ssl_proj.{rest}": "content_downsample.{rest}",
        "quantizer.vq.layers.0._codebook.embed": "codebook.weight",
        "ref_enc.spectral.0.fc.{rest}": "reference_encoder.spectral.0.{rest}",
        "ref_enc.spectral.3.fc.{rest}": "reference_encoder.spectral.1.{rest}",
        "ref_enc.temporal.{n}.conv1.conv.{rest}": "reference_encoder.temporal.{n}.{rest}",
        "ref_enc.slf_attn.w_qs.{rest}": "reference_encoder.attention.query.{rest}",
        "ref_enc.slf_attn.w_ks.{rest}": "reference_encoder.attention.key.{rest}",
        "ref_enc.slf_attn.w_vs.{rest}": "reference_encoder.attention.value.{rest}",
        "ref_enc.slf_attn.fc.{rest}": "reference_encoder.attention.out.{rest}",
        "ref_enc.fc.fc.{rest}": "reference_encoder.head.{rest}",
        "sv_emb.{rest}": "speaker_vector.{rest}",
        "prelu.weight": "timbre_activation.weight",
        "ge_to512.{rest}": "timbre_to_prior.{rest}",
        "enc_p.ssl_proj.{rest}": "prior_encoder.content_in.{rest}",
        "enc_p.text_embedding.weight": "prior_encoder.phone_embedding.weight",
        "enc_p.mrte.c_pre.{rest}": "prior_encoder.fusion.content_in.{rest}",
        "enc_p.mrte.text_pre.{rest}": "prior_encoder.fusion.text_in.{rest}",
        "enc_p.mrte.c_post.{rest}": "prior_encoder.fusion.out.{rest}",
        "enc_p.proj.{rest}": "prior_encoder.head.{rest}",
        **{
            f"enc_p.mrte.cross_attention.conv_{letter}.{{rest}}": (
                f"prior_encoder.fusion.attention.{role}.{{rest}}"
            )
            for letter, role in _ROLES.items()
        },
        **{rule: to for pair in _STACKS.items() for rule, to in _stack(*pair).items()},
        "enc_q.pre.{rest}": "posterior_encoder.first.{rest}",
        "enc_q.proj.{rest}": "posterior_encoder.head.{rest}",
        **{rule: to for pair in _WAVENETS.items() for rule, to in _wavenet(*pair).items()},
        **{rule: to for index in range(4) for rule, to in _coupling(index).items()},
        "dec.conv_pre.{rest}": "generator.first.{rest}",
        "dec.cond.{rest}": "generator.condition.{rest}",
        "dec.conv_post.{rest}": "generator.last.{rest}",
        "dec.ups.{n}.{rest}": "generator.upsamples.{n}.{rest}",
        "dec.resblocks.{n}.convs1.{m}.{rest}": "generator.resblocks.{n}.dilated.{m}.{rest}",
        "dec.resblocks.{n}.convs2.{m}.{rest}": "generator.resblocks.{n}.plain.{m}.{rest}",
    },
    dropped={
        "quantizer.vq.layers.0._codebook.inited": _EMA,
        "quantizer.vq.layers.0._codebook.cluster_size": _EMA,
        "quantizer.vq.layers.0._codebook.embed_avg": _EMA,
    },
)

DISCRIMINATOR = Table(
    rules={
        "discriminators.{n}.convs.{m}.{rest}": "judges.{n}.filters.{m}.{rest}",
        "discriminators.{n}.conv_post.{rest}": "judges.{n}.last.{rest}",
    },
)

_POSITIONAL = "encoder.pos_conv_embed.conv"
HUBERT = Table(
    prefix="hubert.",
    rules={"{rest}": "{rest}"},
    aliases={
        f"{_POSITIONAL}.parametrizations.weight.original0": f"{_POSITIONAL}.weight_g",
        f"{_POSITIONAL}.parametrizations.weight.original1": f"{_POSITIONAL}.weight_v",
    },
    dropped={"masked_spec_embed": "stands for hidden frames in training"},
)

ROBERTA = Table(
    prefix="bert.",
    rules={"{rest}": "{rest}"},
    aliases={
        "{rest}.LayerNorm.gamma": "{rest}.LayerNorm.weight",
        "{rest}.LayerNorm.beta": "{rest}.LayerNorm.bias",
    },
    dropped={
        "cls.{rest}": "guesses hidden words in training",
        "pooler.{rest}": "sums up a sentence, which nothing here reads",
        "embeddings.position_ids": "counts from 0 to 511",
    },
)

ERES2NETV2 = Table(
    rules={"{rest}": "{rest}"},
    dropped={"{rest}.num_batches_tracked": "counts training steps"},
)
