"""Random rule files over random samples: what alerts and samples tolld gives is what promtool expects.

TOLLD_RANDOM_RULES sets how many files, TOLLD_RANDOM_SEED which; 0 chooses. What differs is printed with its seed, so that it
can be asked again: TOLLD_RANDOM_RULES=SEED:SEED asks that one alone, and leaves its files in the folder that pytest names.
"""
import os
import random
import shutil
from collections import Counter

import pytest

from rule_files import RandomRules
from rule_tests import difference

pytestmark = [
    pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="this is tolld's own command"),
    pytest.mark.skipif(not shutil.which("promtool"), reason="there is no promtool"),
]


def seeds():
    asked = os.environ.get("TOLLD_RANDOM_RULES", "100")
    if ":" in asked:
        first, last = map(int, asked.split(":"))
        return range(first, last + 1)
    seed = int(os.environ.get("TOLLD_RANDOM_SEED", 1)) or random.randrange(1, 1 << 30)
    return range(seed * 100000, seed * 100000 + int(asked))


def test_alerts_and_samples_are_what_promtool_expects(tmp_path):
    differing, counts = [], Counter()
    for seed in seeds():
        found = difference(tmp_path, RandomRules(seed), counts)
        counts["files"] += 1
        if found:
            differing.append(f"TOLLD_RANDOM_RULES={seed}:{seed}\n{found}")
    print("{files} files, {refused} refused, {failing} in which a rule fails; {answers} answers, {empty} times none; {differing} differ"
          .format(differing=len(differing), **{k: counts[k] for k in ("files", "refused", "failing", "answers", "empty")}))
    assert not differing, "\n".join(differing[:20])
    assert counts["files"] < 50 or counts["refused"] + counts["failing"] < 0.5 * counts["files"]
