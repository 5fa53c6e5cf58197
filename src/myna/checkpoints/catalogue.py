"""The official public files, by the name we install them under.

Where the SHA-256 of a file is not known here, its size, the MD5 of its first 8192 bytes, or what
the server says stands in; `download` records which.

Source: repository paths as in the documentation of GPT-SoVITS (MIT); sizes and hashes as
published by several independent projects that pin these files; MD5s from the parity kit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from myna.errors import ConfigError
from myna.specs import FAMILIES

MIRRORS: Mapping[str, str] = {
    "huggingface": "https://huggingface.co/lj1995/GPT-SoVITS/resolve/main",
    "modelscope": (
        "https://www.modelscope.cn/models/XXXXRT/GPT-SoVITS-Pretrained/resolve/master"
        "/pretrained_models"
    ),
}
"""Places that carry the same files under the same paths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicFile:
    """One file of the public repository."""

    path: str
    """In the repository, with forward slashes."""
    sha256: str | None = None
    size: int | None = None
    """In bytes."""
    head_md5: str | None = None
    """MD5 of the first 8192 bytes."""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def url(self, base: str) -> str:
        """Where the file is, under one of `MIRRORS` or a copy of it."""
        return f"{base.rstrip('/')}/{quote(self.path)}"


_S1_V3 = PublicFile(
    path="s1v3.ckpt",
    sha256="87133414860ea14ff6620c483a3db5ed07b44be42e2c3fcdad65523a729a745a",
    size=155_284_856,
)

ENTRIES: Mapping[str, tuple[PublicFile, ...]] = {
    "v1": (
        PublicFile(path="s1bert25hz-2kh-longer-epoch=68e-step=50232.ckpt"),
        PublicFile(path="s2G488k.pth", head_md5="dc3c97e17592963677a4a1681f30c653"),
    ),
    "v2": (
        PublicFile(
            path="gsv-v2final-pretrained/s1bert25hz-5kh-longer-epoch=12-step=369668.ckpt",
            size=155_315_150,
        ),
        PublicFile(
            path="gsv-v2final-pretrained/s2G2333k.pth",
            size=106_035_259,
            head_md5="6642b37f3dbb1f76882b69937c95a5f3",
        ),
    ),
    "v2Pro": (
        _S1_V3,
        PublicFile(
            path="v2Pro/s2Gv2Pro.pth",
            sha256="0f8ead815234365edf045c6d86370ed6e4f440e8195be77ff0ea72684ad406a5",
            size=162_303_657,
            head_md5="c7e9fce2223f3db685cdfa1e6368728a",
        ),
    ),
    "v2ProPlus": (
        _S1_V3,
        PublicFile(
            path="v2Pro/s2Gv2ProPlus.pth",
            sha256="d42a22bbbf65fb2bbdd45ad6a66841156977db45c7aabe0a6992ff378d9c7d3b",
            size=200_125_741,
            head_md5="66b313e39455b57ab1b0bc0b239c9d0a",
        ),
    ),
    "hubert-base": (
        PublicFile(
            path="chinese-hubert-base/pytorch_model.bin",
            sha256="24164f129c66499d1346e2aa55f183250c223161ec2770c0da3d3b08cf432d3c",
            size=188_811_417,
        ),
    ),
    "roberta-large": (
        PublicFile(
            path="chinese-roberta-wwm-ext-large/tokenizer.json",
            sha256="173796956820ea27bd14f76bf28162607ff4254807e2948253eb5b46f5bb643b",
            size=268_962,
        ),
        PublicFile(
            path="chinese-roberta-wwm-ext-large/pytorch_model.bin",
            sha256="e53a693acc59ace251d143d068096ae0d7b79e4b1b503fa84c9dcf576448c1d8",
            size=651_225_145,
        ),
    ),
    "eres2netv2": (
        PublicFile(
            path="sv/pretrained_eres2netv2w24s4ep4.ckpt",
            sha256="4f5a0bf73c61eb41b174e1bb54e7ee3c83233892be8e0af1f187024e8e581a35",
            size=107_528_697,
        ),
    ),
}
"""What can be got, with its files."""


def files(name: str) -> tuple[PublicFile, ...]:
    """The files of one entry.

    Raises:
        ConfigError: there is none of this name; the message lists those there are.
    """
    try:
        return ENTRIES[name]
    except KeyError:
        raise ConfigError(
            f"There is no public model {name!r}; there are {', '.join(ENTRIES)}."
        ) from None


def base(mirror: str) -> str:
    """The address of one of `MIRRORS`.

    Raises:
        ConfigError: there is none of this name.
    """
    try:
        return MIRRORS[mirror]
    except KeyError:
        raise ConfigError(
            f"There is no mirror {mirror!r}; there are {', '.join(MIRRORS)}."
        ) from None


def needed(name: str) -> tuple[str, ...]:
    """The entry and the encoders that its family needs to clone and speak."""
    files(name)
    if name not in FAMILIES:
        return (name,)
    family = FAMILIES[name]
    helpers = (family.content_encoder, family.text_encoder, family.speaker_encoder)
    return (name, *(helper for helper in helpers if helper is not None))
