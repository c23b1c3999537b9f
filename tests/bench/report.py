"""The rows of the table that the benches print, and what several of them need."""
import sys

from process import boottime, wait_until

SCALE = {"ms": 1e3, "ms/s": 1e3, "s": 1, "MB": 1, "kB": 1e-3, "B": 1, "ns": 1, "ratio": 1, "count": 1}


class Row:
    """One figure: values by subject; `unit` scales and names them."""

    def __init__(self, title, unit, note, **values):
        self.title, self.unit, self.note, self.values = title, unit, note, values


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def rest(seconds):
    end = boottime() + seconds
    wait_until("time passes", lambda: boottime() >= end, seconds + 10, min(0.05, seconds / 4))


def show(rows, subjects):
    names = [s.name for s in subjects]
    width = max(len(r.title) for r in rows)
    print(f"{'':{width}}  " + "".join(f"{n:>12}" for n in names) + f"{'peers:tolld':>13}  unit")
    for r in rows:
        cells = "".join(f"{r.values[n] * SCALE[r.unit]:12.3f}" if n in r.values else f"{'-':>12}" for n in names)
        mine, theirs = r.values.get("tolld"), r.values.get("peers")
        ratio = f"{theirs / mine:13.1f}" if mine and theirs is not None and mine > 0 else f"{'-':>13}"
        print(f"{r.title:{width}}  {cells}{ratio}  {r.unit:5} ({r.note})")
    sys.stdout.flush()
