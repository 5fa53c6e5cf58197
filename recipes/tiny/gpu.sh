#!/bin/sh
# Train the decoder of `tiny` against judges on a borrowed GPU machine: carry the repository and the
# folder that `python -m myna.training.borrowed pack` made, run this there, bring RESULT back.
#
#     sh recipes/tiny/gpu.sh FOLDER MINUTES RESULT [PLACE] [--set KEY=VALUE ...]
#
# The machine needs Python 3.11 or later with PyTorch, NumPy and safetensors, and no network.
# soundfile is taken from FOLDER/wheels if it is not there. MINUTES are those of the whole command.
# PLACE keeps unpacked clips for the next call while the machine lasts (default: /tmp/myna-borrowed).
set -eu
started=$(date +%s)
folder=$1 minutes=$2 result=$3
shift 3
place=/tmp/myna-borrowed
case ${1:-} in "" | -*) ;; *) place=$1 && shift ;; esac

PYTHONPATH=$(cd "$(dirname "$0")/../../src" && pwd)
PYTHONUNBUFFERED=1
export PYTHONPATH PYTHONUNBUFFERED
python=${PYTHON:-python3}
if ! "$python" -c "import soundfile" 2>/dev/null; then
    "$python" -m pip install -q --no-index --no-deps --no-compile --target "$place/site" \
        --upgrade "$folder"/wheels/*.whl
    PYTHONPATH=$PYTHONPATH:$place/site
fi
"$python" -c "import torch; print(torch.__version__, torch.cuda.is_available() and torch.cuda.get_device_name())"
left=$("$python" -c "print($minutes - ($(date +%s) - $started) / 60)")
exec "$python" -m myna.training.borrowed run "$folder" --minutes "$left" --out "$result" \
    --work "$place" "$@"
