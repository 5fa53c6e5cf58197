#!/bin/sh
# Make `tiny` from its recordings, all stages but the judges one after another, and let it speak:
#
#     sh recipes/tiny/make.sh SPEECH OUT
#
# SPEECH is the folder of lists and recordings that README.md names; OUT takes what is made. The same
# command goes on where it was stopped. The recogniser of this checkout is replaced, so work in a
# clone. STEPS=20 in the environment takes that many steps in every stage, to try the way; what comes
# after the recogniser then needs the one that is there, since it could not lay a text.
set -eu
speech=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-python3}
PYTHONPATH=$PWD/src
# Models that are made lie here, and go before those of the package.
MYNA_HOME=$out/home
export PYTHONPATH MYNA_HOME
few() { [ -z "${STEPS:-}" ] || for key in "$@"; do echo "--set $key=$STEPS"; done; }
myna() { "$PYTHON" -m myna.apps.cli.main "$@"; }

# shellcheck disable=SC2046 # words of `few` are options
"$PYTHON" -m myna.training.recogniser --speech "$speech" --out "$out/recogniser" $(few loop.steps)
[ -n "${STEPS:-}" ] || cp "$out/recogniser/recogniser.safetensors" src/myna/engines/data/
# shellcheck disable=SC2046
"$PYTHON" -m myna.training.speaker_encoder --speech "$speech" --out "$out/speaker" $(few loop.steps)
mkdir -p "$MYNA_HOME/models"
cp -r "$out/speaker/tiny-speaker" "$MYNA_HOME/models/"

[ -f "$out/tiny.tsv" ] || (
    cd "$speech"
    "$PYTHON" -m myna.dataset.narrations en_kathleen.list en_arctic.list en_asp.list \
        en_speechocean.list -o "$out/tiny.tsv"
)
myna prepare "$out/tiny.tsv" -o "$out/set" --denoise never --speaker-check none --longest-given 16

# A core for each net.
export OMP_NUM_THREADS=1
# shellcheck disable=SC2046
myna train model "$out/set" --family tiny --recipe tiny --set 'learn=["token_model"]' \
    $(few token_model.loop.steps) --name tokens -o "$out/tokens" &
tokens=$!
# shellcheck disable=SC2046
myna train model "$out/set" --family tiny --recipe tiny --set 'learn=["decoder"]' \
    $(few decoder.loop.steps) --name sound -o "$out/sound"
wait $tokens
unset OMP_NUM_THREADS

"$PYTHON" -m myna.training.shipping --token-model tokens --decoder sound \
    --voices recipes/tiny/voices.toml --set "$out/set" -o "$out/tiny"
myna say "The quick brown fox jumps over the lazy dog." --model "$out/tiny" -o "$out/fox.wav"
