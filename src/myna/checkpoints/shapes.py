"""Every parameter of every network, by our name, with its shape: what a file must hold, exactly.

Computed from the specs in plain Python, so that files are checked where torch is not installed.
`nets` builds the same names and shapes; the tests compare both with the recorded ones.
"""

from collections.abc import Iterable

from myna.specs import (
    DecoderSpec,
    DiscriminatorSpec,
    ERes2NetSpec,
    GeneratorSpec,
    HubertSpec,
    RobertaSpec,
    TokenModelSpec,
)

Shapes = dict[str, tuple[int, ...]]

_RELATIVE_WINDOW = 4
_FEEDFORWARD_KERNEL = 3
_STYLE = 128
_STYLE_KERNEL = 5


def token_model(spec: TokenModelSpec) -> Shapes:
    """Parameters of the token model."""
    width = spec.width
    shapes: Shapes = {
        **_dense("text_features", spec.text_features, width),
        "phone_embedding.weight": (spec.phones, width),
        "phone_positions.alpha": (1,),
        "token_embedding.weight": (spec.codes + 1, width),
        "token_positions.alpha": (1,),
        "head.weight": (spec.codes + 1, width),
    }
    for n in range(spec.layers):
        layer = f"layers.{n}"
        shapes |= _dense(f"{layer}.attention.qkv", width, 3 * width)
        shapes |= _dense(f"{layer}.attention.out", width, width)
        shapes |= _dense(f"{layer}.feedforward.0", width, spec.feedforward)
        shapes |= _dense(f"{layer}.feedforward.2", spec.feedforward, width)
        shapes |= _norm(f"{layer}.attention_norm", width) | _norm(
            f"{layer}.feedforward_norm", width
        )
    return shapes


def decoder(spec: DecoderSpec) -> Shapes:
    """Parameters of the decoder, the posterior encoder (which only training needs) included."""
    return {
        **_conv("content_downsample", spec.content, spec.content, spec.frames_per_token),
        "codebook.weight": (spec.codes, spec.content),
        **_reference_encoder(spec),
        **_speaker(spec),
        **_prior_encoder(spec),
        **_posterior_encoder(spec),
        **_flow(spec),
        **_generator(spec),
    }


def optional(name: str) -> bool:
    """Whether fine-tuned files leave this parameter of the decoder out, with its whole network."""
    return name.startswith("posterior_encoder.")


def discriminator(spec: DiscriminatorSpec) -> Shapes:
    """Parameters of the judges that only training needs."""
    shapes: Shapes = {}
    inputs, last = 1, len(spec.all_channels) - 1
    for m, outputs in enumerate(spec.all_channels):
        # all but the outer convolutions read groups of four channels
        size = {0: (1, 15), last: (inputs, 5)}.get(m, (4, 41))
        shapes |= _with_length(f"judges.0.filters.{m}", (outputs, *size))
        inputs = outputs
    shapes |= _with_length("judges.0.last", (1, inputs, 3))
    for n in range(1, len(spec.periods) + 1):
        inputs = 1
        for m, outputs in enumerate(spec.channels):
            shapes |= _with_length(f"judges.{n}.filters.{m}", (outputs, inputs, 5, 1))
            inputs = outputs
        shapes |= _with_length(f"judges.{n}.last", (1, inputs, 3, 1))
    return shapes


def _reference_encoder(spec: DecoderSpec) -> Shapes:
    name = "reference_encoder"
    shapes = _dense(f"{name}.spectral.0", spec.reference_bins, _STYLE)
    shapes |= _dense(f"{name}.spectral.1", _STYLE, _STYLE)
    for n in range(2):
        shapes |= _conv(f"{name}.temporal.{n}", _STYLE, 2 * _STYLE, _STYLE_KERNEL)
    for role in ("query", "key", "value", "out"):
        shapes |= _dense(f"{name}.attention.{role}", _STYLE, _STYLE)
    return shapes | _dense(f"{name}.head", _STYLE, spec.timbre)


def _speaker(spec: DecoderSpec) -> Shapes:
    if spec.speaker_vector is None:
        return {}
    return {
        **_dense("speaker_vector", spec.speaker_vector, spec.timbre),
        "timbre_activation.weight": (spec.timbre,),
        **_dense("timbre_to_prior", spec.timbre, spec.fusion),
    }


def _prior_encoder(spec: DecoderSpec) -> Shapes:
    name, width, fusion = "prior_encoder", spec.hidden, spec.fusion
    shapes: Shapes = {
        **_conv(f"{name}.content_in", spec.content, width, 1),
        f"{name}.phone_embedding.weight": (spec.phones, width),
        **_conv(f"{name}.fusion.content_in", width, fusion, 1),
        **_conv(f"{name}.fusion.text_in", width, fusion, 1),
        **_conv(f"{name}.fusion.out", fusion, width, 1),
        **_conv(f"{name}.head", width, 2 * width, 1),
    }
    for role in ("query", "key", "value", "out"):
        shapes |= _conv(f"{name}.fusion.attention.{role}", fusion, fusion, 1)
    for stack, layers in (
        ("content_layers", spec.half_layers),
        ("text_layers", spec.text_layers),
        ("joint_layers", spec.half_layers),
    ):
        for n in range(layers):
            shapes |= _encoder_layer(f"{name}.{stack}.{n}", spec)
    return shapes


def _encoder_layer(name: str, spec: DecoderSpec) -> Shapes:
    width, inner, kernel = spec.hidden, spec.feedforward, _FEEDFORWARD_KERNEL
    relative = (1, 2 * _RELATIVE_WINDOW + 1, width // spec.heads)
    shapes: Shapes = {
        f"{name}.attention.relative_keys": relative,
        f"{name}.attention.relative_values": relative,
        **_norm(f"{name}.attention_norm", width),
        **_conv(f"{name}.feedforward.0", width, inner, kernel),
        **_conv(f"{name}.feedforward.1", inner, width, kernel),
        **_norm(f"{name}.feedforward_norm", width),
    }
    for role in ("query", "key", "value", "out"):
        shapes |= _conv(f"{name}.attention.{role}", width, width, 1)
    return shapes


def _posterior_encoder(spec: DecoderSpec) -> Shapes:
    name, width = "posterior_encoder", spec.hidden
    return {
        **_conv(f"{name}.first", spec.spectrogram.bins, width, 1),
        **_wavenet(f"{name}.wavenet", spec.posterior_layers, spec),
        **_conv(f"{name}.head", width, 2 * width, 1),
    }


def _flow(spec: DecoderSpec) -> Shapes:
    half = spec.hidden // 2
    shapes: Shapes = {}
    for n in range(spec.flows):
        shapes |= _conv(f"flow.{n}.first", half, spec.hidden, 1)
        shapes |= _wavenet(f"flow.{n}.wavenet", spec.flow_layers, spec)
        shapes |= _conv(f"flow.{n}.last", spec.hidden, half, 1)
    return shapes


def _wavenet(name: str, layers: int, spec: DecoderSpec) -> Shapes:
    width = spec.hidden
    shapes = _normed(f"{name}.condition", spec.timbre, 2 * width * layers, 1)
    for n in range(layers):
        out = 2 * width if n < layers - 1 else width
        shapes |= _normed(f"{name}.filters.{n}", width, 2 * width, spec.kernel)
        shapes |= _normed(f"{name}.outputs.{n}", width, out, 1)
    return shapes


def _generator(spec: DecoderSpec) -> Shapes:
    generator = spec.generator
    assert isinstance(generator, GeneratorSpec), "published families have this generator"
    width = generator.channels
    shapes: Shapes = {
        **_conv("generator.first", spec.hidden, width, 7),
        **_conv("generator.condition", spec.timbre, width, 1),
    }
    for stage, kernel in enumerate(generator.kernels):
        up = f"generator.upsamples.{stage}"
        # a transposed convolution: input channels come first, and the norm is over those
        shapes |= {f"{up}.weight_v": (width, width // 2, kernel), f"{up}.weight_g": (width, 1, 1)}
        shapes[f"{up}.bias"] = (width // 2,)
        width //= 2
        for j, size in enumerate(generator.resblock_kernels):
            block = f"generator.resblocks.{stage * len(generator.resblock_kernels) + j}"
            for m in range(len(generator.resblock_dilations)):
                shapes |= _normed(f"{block}.dilated.{m}", width, width, size)
                shapes |= _normed(f"{block}.plain.{m}", width, width, size)
    return shapes | {"generator.last.weight": (1, width, 7)}


def encoder(spec: HubertSpec | RobertaSpec | ERes2NetSpec) -> Shapes:
    """Parameters of a helper of the families, under the names of its published file."""
    match spec:
        case HubertSpec():
            return _hubert(spec)
        case RobertaSpec():
            return _roberta(spec)
        case ERes2NetSpec():
            return _eres2net(spec)


def _hubert(spec: HubertSpec) -> Shapes:
    width, channels = spec.width, spec.filters
    position = "encoder.pos_conv_embed.conv"
    shapes: Shapes = {
        **_norm("feature_extractor.conv_layers.0.layer_norm", channels),
        **_norm("feature_projection.layer_norm", channels),
        **_dense("feature_projection.projection", channels, width),
        f"{position}.weight_g": (1, 1, spec.position_kernel),
        f"{position}.weight_v": (width, width // spec.position_groups, spec.position_kernel),
        f"{position}.bias": (width,),
        **_norm("encoder.layer_norm", width),
    }
    for n, kernel in enumerate(spec.kernels):
        inputs = channels if n else 1
        shapes[f"feature_extractor.conv_layers.{n}.conv.weight"] = (channels, inputs, kernel)
    for n in range(spec.layers):
        layer = f"encoder.layers.{n}"
        for role in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= _dense(f"{layer}.attention.{role}", width, width)
        shapes |= _dense(f"{layer}.feed_forward.intermediate_dense", width, spec.feedforward)
        shapes |= _dense(f"{layer}.feed_forward.output_dense", spec.feedforward, width)
        shapes |= _norm(f"{layer}.layer_norm", width) | _norm(f"{layer}.final_layer_norm", width)
    return shapes


def _roberta(spec: RobertaSpec) -> Shapes:
    width = spec.width
    shapes: Shapes = {
        "embeddings.word_embeddings.weight": (spec.vocabulary, width),
        "embeddings.position_embeddings.weight": (spec.positions, width),
        "embeddings.token_type_embeddings.weight": (spec.token_types, width),
        **_norm("embeddings.LayerNorm", width),
    }
    for n in range(spec.layers):
        layer = f"encoder.layer.{n}"
        for role in ("query", "key", "value"):
            shapes |= _dense(f"{layer}.attention.self.{role}", width, width)
        shapes |= _dense(f"{layer}.attention.output.dense", width, width)
        shapes |= _norm(f"{layer}.attention.output.LayerNorm", width)
        shapes |= _dense(f"{layer}.intermediate.dense", width, spec.feedforward)
        shapes |= _dense(f"{layer}.output.dense", spec.feedforward, width)
        shapes |= _norm(f"{layer}.output.LayerNorm", width)
    return shapes


def _eres2net(spec: ERes2NetSpec) -> Shapes:
    inputs = spec.channels
    shapes: Shapes = {"conv1.weight": (inputs, 1, 3, 3), **_batch_norm("bn1", inputs)}
    for stage, blocks in enumerate(spec.blocks):
        planes = spec.channels << stage
        for n in range(blocks):
            block = f"layer{stage + 1}.{n}"
            shapes |= _eres2net_block(block, inputs, planes, spec, first=n == 0, fused=stage > 1)
            inputs = planes * spec.expansion
    shapes["layer3_ds.weight"] = (inputs, inputs // 2, 3, 3)
    shapes |= _attentional_fusion("fuse34", inputs)
    # the pooling head reads mean and deviation
    return shapes | _dense("seg_1", 2 * spec.width, spec.head_width)


def _eres2net_block(
    name: str, inputs: int, planes: int, spec: ERes2NetSpec, *, first: bool, fused: bool
) -> Shapes:
    width, outputs = planes * spec.base_width // 64, planes * spec.expansion
    inner = width * spec.scale
    shapes: Shapes = {
        f"{name}.conv1.weight": (inner, inputs, 1, 1),
        **_batch_norm(f"{name}.bn1", inner),
        f"{name}.conv3.weight": (outputs, inner, 1, 1),
        **_batch_norm(f"{name}.bn3", outputs),
    }
    for part in range(spec.scale):
        shapes[f"{name}.convs.{part}.weight"] = (width, width, 3, 3)
        shapes |= _batch_norm(f"{name}.bns.{part}", width)
    if first:
        shapes[f"{name}.shortcut.0.weight"] = (outputs, inputs, 1, 1)
        shapes |= _batch_norm(f"{name}.shortcut.1", outputs)
    for part in range(spec.scale - 1) if fused else ():
        shapes |= _attentional_fusion(f"{name}.fuse_models.{part}", width)
    return shapes


def _attentional_fusion(name: str, channels: int) -> Shapes:
    name, inner = f"{name}.local_att", channels // 4
    return {
        **_conv(f"{name}.0", 2 * channels, inner, 1, 1),
        **_batch_norm(f"{name}.1", inner),
        **_conv(f"{name}.3", inner, channels, 1, 1),
        **_batch_norm(f"{name}.4", channels),
    }


def _dense(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _conv(name: str, inputs: int, outputs: int, *kernel: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs, *kernel), f"{name}.bias": (outputs,)}


def _normed(name: str, inputs: int, outputs: int, kernel: int) -> Shapes:
    return _with_length(name, (outputs, inputs, kernel))


def _with_length(name: str, direction: tuple[int, ...]) -> Shapes:
    """Of a convolution with weight norm, by the shape of its kernel."""
    outputs, *others = direction
    return {
        f"{name}.weight_v": direction,
        f"{name}.weight_g": (outputs, *(1 for _ in others)),
        f"{name}.bias": (outputs,),
    }


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _batch_norm(name: str, width: int) -> Shapes:
    return _each(name, ("weight", "bias", "running_mean", "running_var"), (width,))


def _each(name: str, leaves: Iterable[str], shape: tuple[int, ...]) -> Shapes:
    return {f"{name}.{leaf}": shape for leaf in leaves}
