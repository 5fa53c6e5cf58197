"""How long it takes to read text: to import, to read a first sentence, and each after it.

    python benchmarks/text.py

Every language has a process of its own. Sentences have 40 to 55 characters; of each the quickest of
many turns counts. The Japanese dictionary is built before, and that is timed apart.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

from measure import save

TURNS = 200
SENTENCES = {
    "zh": "今天上午10点30分，他在银行取了3500元，坐地铁去了重庆路，下午3点才到家。",
    "en": "At 10:30 a.m. he took $35 from the bank and read it.",
    "ja": "今日の午前10時30分に銀行で3500円をおろして、東京駅まで行き、午後3時に家へ帰った。",
    "ko": "오늘 오전 10시 30분에 은행에서 3500원을 찾고, 서울역에 갔다가 3시에 집에 왔어요.",
    "yue": "今日朝早10點30分，佢喺銀行攞咗3500蚊，跟住搭地鐵去咗旺角，下晝3點先返到屋企抖一陣。",
}
CODE = """
import json, sys, time
start = time.perf_counter()
from myna.text import read, sentences
imported = time.perf_counter() - start
text, language, turns = sys.argv[1], sys.argv[2], int(sys.argv[3])
found = {"import": imported}
start = time.perf_counter()
read(text, language=language)
found["first"] = time.perf_counter() - start
read(text, language=language, improved=True)
for name, improved in (("compatible", False), ("improved", True)):
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        read(text, language=language, improved=improved)
        times.append(time.perf_counter() - start)
    found[name] = min(times)
import resource
found["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(json.dumps(found))
"""


def measured(text: str, language: str, home: str) -> dict[str, float]:
    """Seconds, and GB, of one language in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, text, language, str(TURNS)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "MYNA_HOME": home},
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure all languages, print a table, and keep it."""
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as home:
        built = measured(SENTENCES["ja"], "ja", home)
        print(f"Japanese dictionary: {built['first']:.1f} s, {built['peak_gb']:.2f} GB, once")
        print(
            f"{'':4} {'characters':>10} {'import':>8} {'first':>8} "
            f"{'compatible':>11} {'improved':>9}"
        )
        for language, text in SENTENCES.items():
            row = measured(text, language, home)
            rows[language] = {**row, "characters": len(text)}
            print(
                f"{language:4} {len(text):10} {row['import'] * 1e3:5.0f} ms {row['first']:6.2f} s "
                f"{row['compatible'] * 1e3:8.2f} ms {row['improved'] * 1e3:6.2f} ms"
            )
    save("text", {"japanese_dictionary": built, **rows})


if __name__ == "__main__":
    main()
