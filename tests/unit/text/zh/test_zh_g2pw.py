"""A model of polyphones as g2pW has it: what it is asked, and what becomes of its answers."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from myna.engines.polyphones import open_g2pw
from myna.errors import CheckpointError, ModelNotFoundError
from myna.text.traced import Traced
from myna.text.zh.g2p import g2p
from myna.text.zh.g2pw import INPUTS, G2pw

pytestmark = pytest.mark.skipif(not find_spec("pypinyin"), reason="the extra zh is not installed")
needs_onnx = pytest.mark.skipif(
    not all(map(find_spec, ("onnx", "onnxruntime", "opencc"))),
    reason="onnx, onnxruntime or opencc is not installed",
)

POLYPHONES = "行\tㄒㄧㄥ2\n行\tㄏㄤ2\n長\tㄓㄤ3\n長\tㄔㄤ2\n和\tㄏㄜ2\n和\tㄏㄨㄛ2\n"
LABELS = ["ㄏㄜ2", "ㄏㄤ2", "ㄏㄨㄛ2", "ㄒㄧㄥ2", "ㄓㄤ3", "ㄔㄤ2"]
PINYIN = {"ㄒㄧㄥ": "xing", "ㄏㄤ": "hang", "ㄓㄤ": "zhang", "ㄔㄤ": "chang", "ㄇㄟ": "mei"}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"我行長你的很和"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "POLYPHONIC_CHARS.txt").write_text(POLYPHONES, "utf-8")
    (tmp_path / "MONOPHONIC_CHARS.txt").write_text("美\tㄇㄟ3\n似\tㄇㄟ4\n", "utf-8")
    (tmp_path / "bopomofo_to_pinyin_wo_tune_dict.json").write_text(json.dumps(PINYIN), "utf-8")
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS), "utf-8")
    return tmp_path


class Model:
    """Answers with the reading of each character that comes last in the labels."""

    def __init__(self) -> None:
        self.asked: list[dict[str, NDArray[Any]]] = []

    def __call__(self, inputs: dict[str, NDArray[Any]]) -> NDArray[Any]:
        self.asked.append(inputs)
        questions = len(inputs["char_ids"])
        return np.tile(np.linspace(0, 1, len(LABELS), dtype=np.float32), (questions, 1))


def traditional(text: str) -> str:
    return text.replace("长", "長")


def test_what_the_model_is_asked(folder: Path) -> None:
    model = Model()
    found = G2pw(folder, model, traditional).readings("我长你行,")
    assert found == ["wo3", "chang2", "ni3", "xing2", ","]
    (inputs,) = model.asked
    assert tuple(inputs) == INPUTS
    assert inputs["input_ids"].tolist() == [[2, 4, 6, 7, 5, 3]] * 2
    assert inputs["token_type_ids"].tolist() == [[0] * 6] * 2
    assert inputs["attention_mask"].tolist() == [[1] * 6] * 2
    assert inputs["position_ids"].tolist() == [2, 4]
    assert inputs["char_ids"].tolist() == [["和", "行", "長"].index(char) for char in "長行"]
    allowed = [
        {label for label, one in zip(sorted(LABELS), mask, strict=True) if one}
        for mask in inputs["phoneme_mask"]
    ]
    assert allowed == [{"ㄓㄤ3", "ㄔㄤ2"}, {"ㄒㄧㄥ2", "ㄏㄤ2"}]
    assert inputs["phoneme_mask"].dtype == np.float32
    assert inputs["input_ids"].dtype == inputs["char_ids"].dtype == np.int64


def test_it_is_not_asked_without_need(folder: Path) -> None:
    model = Model()
    reader = G2pw(folder, model, traditional)
    assert reader.readings("美和,") == ["mei3", "he2", ","]  # 和 is left to pypinyin
    assert reader.readings("似") == ["shi4"]  # the table is wrong
    assert reader.readings("银行!") == ["yin2", "hang2", "!"]  # a phrase of the dictionary
    assert reader.readings("") == []
    assert reader.readings("…") == ["…"]
    assert model.asked == []


def test_it_sees_what_is_near(folder: Path) -> None:
    model = Model()
    clause = "很" * 40 + "行" + "你" * 40
    G2pw(folder, model, traditional).readings(clause)
    (inputs,) = model.asked
    assert inputs["input_ids"].shape == (1, 2 + 16 + 1 + 16)
    assert inputs["position_ids"].tolist() == [17]


def test_a_long_clause_is_asked_in_parts(folder: Path) -> None:
    model = Model()
    clause = "行你" * 700
    found = G2pw(folder, model, traditional).readings(clause)
    assert found == ["xing2", "ni3"] * 700
    assert all(inputs["input_ids"].shape[1] <= 512 for inputs in model.asked)
    assert sum(len(inputs["char_ids"]) for inputs in model.asked) == 700


def test_a_conversion_of_another_length_is_not_used(folder: Path) -> None:
    reader = G2pw(folder, Model(), lambda text: text + "了")
    assert reader.readings("我行,") == ["", "", ","]


def test_what_has_no_pinyin_is_left_open(folder: Path) -> None:
    (folder / "bopomofo_to_pinyin_wo_tune_dict.json").write_text("{}", "utf-8")
    assert G2pw(folder, Model(), traditional).readings("我行") == ["wo3", ""]


def test_a_tokenizer_will_do(folder: Path) -> None:
    (folder / "vocab.txt").unlink()
    words = {word: i for i, word in enumerate(WORDS)}
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": words}}), "utf-8")
    model = Model()
    G2pw(folder, model, traditional).readings("我行")
    assert model.asked[0]["input_ids"].tolist() == [[2, 4, 5, 3]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("POLYPHONIC_CHARS.txt", None),
        ("POLYPHONIC_CHARS.txt", "行 ㄏㄤ"),
        ("MONOPHONIC_CHARS.txt", "行"),
        ("bopomofo_to_pinyin_wo_tune_dict.json", "["),
        ("bopomofo_to_pinyin_wo_tune_dict.json", "[]"),
        ("vocab.txt", None),
        ("vocab.txt", "我\n你"),
    ],
)
def test_a_damaged_table(folder: Path, name: str, content: str | None) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content, "utf-8")
    with pytest.raises(CheckpointError, match=name.partition(".")[0]):
        G2pw(folder, Model(), traditional)


def test_a_model_of_other_tables(folder: Path) -> None:
    reader = G2pw(folder, lambda _: np.zeros((1, 2), dtype=np.float32), traditional)
    with pytest.raises(CheckpointError, match="same release"):
        reader.readings("我行")


# With ONNX Runtime


def _toy(path: Path, inputs: tuple[str, ...] = INPUTS) -> None:
    """A graph that prefers the last reading where the question stands at an even place."""
    from onnx import TensorProto, helper, save

    labels = len(LABELS)
    types = {"phoneme_mask": (TensorProto.FLOAT, ["q", labels])}
    types |= dict.fromkeys(("char_ids", "position_ids"), (TensorProto.INT64, ["q"]))
    given = [
        helper.make_tensor_value_info(name, *types.get(name, (TensorProto.INT64, ["q", "t"])))
        for name in inputs
    ]
    slope = helper.make_tensor("slope", TensorProto.FLOAT, [1, labels], list(range(labels)))
    two = helper.make_tensor("two", TensorProto.INT64, [], [2])
    half = helper.make_tensor("half", TensorProto.FLOAT, [], [0.5])
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    nodes = [
        helper.make_node("Mod", ["position_ids", "two"], ["odd"]),
        helper.make_node("Cast", ["odd"], ["one"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["half", "one"], ["sign"]),
        helper.make_node("Unsqueeze", ["sign", "axis"], ["column"]),
        helper.make_node("Mul", ["column", "slope"], ["weights"]),
        helper.make_node("Mul", ["weights", "phoneme_mask"], ["probs"]),
    ]
    result = helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["q", labels])
    graph = helper.make_graph(nodes, "toy", given, [result], [slope, two, half, axis])
    opset = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))


@needs_onnx
@pytest.mark.skipif(not find_spec("jieba"), reason="the extra zh is not installed")
def test_a_model_file(folder: Path) -> None:
    _toy(folder / "g2pW.onnx")
    reader = open_g2pw(folder, threads=1)
    assert reader.readings("我行你长,") == ["wo3", "xing2", "ni3", "chang2", ","]
    assert reader.readings("行长你") == ["hang2", "chang2", "ni3"]
    phones = g2p(Traced.of("你很长"), "v2", polyphones=reader)
    assert phones.symbols[-2:] == ["zh", "ang3"]


@needs_onnx
def test_files_that_are_no_model(folder: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="G2PWModel"):
        open_g2pw(folder)
    (folder / "g2pW.onnx").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="no model"):
        open_g2pw(folder)
    _toy(folder / "g2pW.onnx", inputs=("phoneme_mask", "position_ids"))
    with pytest.raises(CheckpointError, match="it takes phoneme_mask, position_ids"):
        open_g2pw(folder)
