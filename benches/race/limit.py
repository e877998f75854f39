"""The limit: bare loops of the same arithmetic, from the table that `cargo bench --bench limit` prints."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

LINE = re.compile(
    r"\| +(?P<arithmetic>\S+) (?P<kind>f32|f64) \| +(?P<n>\d+)x(?P<d>\d+) \| +(?P<b>\d+|-) \| +(?P<order>\w+)"
    r" \| t(?P<threads>\d+) \| +[\d.]+ \( *[\d.]+\) \| +(?P<bare>[\d.]+) \( *(?P<median>[\d.]+)\) \|"
)


class Setting(NamedTuple):
    """What a bare loop did; `b` is '-' for a mere read."""

    n: int
    d: int
    b: str
    order: str


@dataclass
class Limits:
    """Median seconds of an epoch of float32, by setting and number of threads."""

    seconds: dict[Setting, dict[int, float]]
    text: str
    """The table as it was printed."""

    def of(self, n: int, d: int, b: int | str, shuffle: bool) -> dict[int, float]:
        """By number of threads, with the best prefetch; empty if it was not measured."""
        return self.seconds.get(Setting(n, d, str(b), "shuffled" if shuffle else "sequential"), {})


def load(path: Path | None) -> Limits:
    """The table, or nothing if there is none."""
    limits = Limits({}, "")
    if path is None or not path.exists():
        return limits
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    limits.text = "\n".join(lines)
    for found in filter(None, map(LINE.match, lines)):
        if found["kind"] == "f32" and found["arithmetic"] in ("dense", "order/read"):
            n = int(found["n"])
            setting = Setting(n, int(found["d"]), found["b"], found["order"])
            limits.seconds.setdefault(setting, {})[int(found["threads"])] = float(found["median"]) * 1e-9 * n
    return limits
