"""The sampler against recorded distributions and draws."""

from __future__ import annotations

import kit
import numpy as np

from myna.engines.sampling import distribution, draw, penalise
from myna.specs import SamplingSpec

pytestmark = kit.needs_kit()


def test_distributions_and_draws() -> None:
    golden = kit.golden("sampler")
    cases = zip(
        golden["cases_vocab_topk"],
        golden["cases_topp_temp_penalty"],
        golden["cases_use_previous"],
        golden["probs"],
        golden["sampled"],
        strict=True,
    )
    for number, ((vocabulary, top_k), settings, with_previous, recorded, sampled) in enumerate(
        cases
    ):
        top_p, temperature, penalty = (float(value) for value in settings)
        sampling = SamplingSpec(top_k=int(top_k), top_p=top_p, temperature=max(temperature, 1e-5))
        for row in range(2):
            logits = golden["logits_1025"][row, :vocabulary]
            said = golden["previous"][row].astype(np.int64) if with_previous[()] else None
            penalised = logits if said is None else penalise(logits, said, penalty)
            found = distribution(penalised, sampling)
            point = f"case {number} row {row}"
            kit.close("sampler", point, found, recorded[row, :vocabulary], kit.NETWORK)
            assert draw(found, golden["exponential"][row, :vocabulary]) == sampled[row], point
