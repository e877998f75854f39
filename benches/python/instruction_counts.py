"""The guard: instructions of a step of some fits under callgrind, beside those on record.

It fails if one has grown by more than 3 %; with `--record` it writes them down. With one version of the
compiler they are the same in every run, to some hundredths of a percent, on any machine with AVX2.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "benches" / "instruction_counts.json"
MOST = 1.03
FEW, MORE = 1, 4
"""Numbers of epochs; the difference of the two has no start-up, and none of what is done once.

So few that what the clock decides, how to prefetch, is not decided yet, but tried in turns.
"""


def output(command: list[str]) -> str:
    """What a command prints; where it fails, its errors are printed and the program ends."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def build() -> str:
    """Compiles the benchmark `instructions`, in release, and returns where it is."""
    command = [
        "cargo",
        "bench",
        "--bench",
        "instructions",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]
    made = [json.loads(line) for line in output(command).splitlines()]
    return next(
        line["executable"]
        for line in made
        if line["reason"] == "compiler-artifact" and line["target"]["name"] == "instructions"
    )


def count(program: str, case: str, n_epochs: int) -> tuple[int, int]:
    """Instructions of a run, and its steps."""
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}"]
    done = subprocess.run(
        [*valgrind, program, case, str(n_epochs)], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or collected is None:
        sys.exit(f"{case} cannot be counted:\n{done.stderr}")
    return int(collected[1]), int(done.stdout)


def per_step(program: str, case: str) -> float:
    """Instructions of a step, one thread, AVX2."""
    (few, few_steps), (more, more_steps) = (count(program, case, n_epochs) for n_epochs in (FEW, MORE))
    return round((more - few) / (more_steps - few_steps), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.relative_to(ROOT)}")
    is_to_record = parser.parse_args().record
    if shutil.which("valgrind") is None:
        sys.exit(
            "The guard needs valgrind; the system's package manager has it: apt-get install valgrind, say."
        )
    program = build()
    cases = output([program]).split()
    rustc = output(["rustc", "--version"]).strip()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    if record.get("rustc", rustc) != rustc:
        print(f"The record was made by {record['rustc']}, this is {rustc}: some of the change is theirs.\n")
    found, grown = {}, []
    print(f"{'instructions of a step':24}{'on record':>14}{'now':>14}{'change':>10}")
    for case in cases:
        new, old = per_step(program, case), record.get("instructions_per_step", {}).get(case)
        found[case] = new
        change = f"{new / old - 1:+.2%}" if old else "new"
        print(f"{case:24}{f'{old:,.1f}' if old else '':>14}{new:>14,.1f}{change:>10}", flush=True)
        if old is None or new > MOST * old:
            grown.append(case)
    if is_to_record:
        RECORD.write_text(json.dumps({"rustc": rustc, "instructions_per_step": found}, indent=2) + "\n")
        print(f"\nwrote {RECORD.relative_to(ROOT)}")
    elif grown:
        sys.exit(
            f"\n{', '.join(grown)}: not on record, or grown by more than {MOST - 1:.0%}. If that is meant,"
            " `make bench-guard-record` in the same commit, and say why in its message."
        )


if __name__ == "__main__":
    main()
