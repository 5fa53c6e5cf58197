"""Open a model of Mandarin polyphones, for the text room to ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna.errors import CheckpointError, ModelNotFoundError
from myna.extras import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.text.zh.polyphones import Polyphones

_MODEL = "g2pW.onnx"


def open_g2pw(
    folder: str | Path, *, vocabulary: str | Path | None = None, threads: int = 0
) -> Polyphones:
    """The g2pW model in `folder`, run by ONNX Runtime on the CPU.

    Args:
        folder: the unpacked G2PWModel_1.1, as GPT-SoVITS has it in `text/G2PWModel`.
        vocabulary: vocab.txt or tokenizer.json of chinese-roberta-wwm-ext-large; looked for in
            `folder` if None.
        threads: that the model may use; 0 for as many as there are cores.

    Raises:
        ModelNotFoundError: there is no g2pW.onnx in `folder`.
        CheckpointError: it is not the model it should be, or one of its tables is not.
        MissingExtraError: onnxruntime or opencc is not installed.
    """
    path = Path(folder) / _MODEL
    if not path.is_file():
        raise ModelNotFoundError(
            f"There is no {path}. Unpack G2PWModel_1.1.zip and give the folder that it makes."
        )
    onnxruntime: Any = require("onnxruntime", extra="zh-g2pw", feature="g2pW")
    opencc: Any = require("opencc", extra="zh-g2pw", feature="g2pW")
    from myna.text.zh.g2pw import INPUTS, G2pw

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its errors share no class
        raise CheckpointError(f"{path} is no model for ONNX Runtime: {error}") from error
    names = {value.name for value in session.get_inputs()}
    if names != set(INPUTS):
        raise CheckpointError(
            f"{path} is no g2pW model: it takes {', '.join(sorted(names))}, and not "
            f"{', '.join(sorted(INPUTS))}."
        )

    def run(inputs: dict[str, NDArray[Any]]) -> NDArray[Any]:
        weights: NDArray[Any] = session.run(None, inputs)[0]
        return weights

    return G2pw(folder, run, opencc.OpenCC("s2tw").convert, vocabulary=vocabulary)
