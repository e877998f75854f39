"""`python -m mbgd_rs demo | info | bench`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import mbgd_rs as mb


def info() -> None:
    """Print versions, the SIMD tier and the number of threads."""
    mb.show_versions()


def demo(folder: Path, n_epochs: int) -> None:
    """Compare three batch sizes on digits, time steps, recommend a batch size; draw it all in `folder`."""
    try:
        import matplotlib.pyplot as plt
        from sklearn.datasets import load_digits
    except ImportError as error:
        sys.exit(f"the demo needs scikit-learn and matplotlib, pip install 'mbgd_rs[demo]': {error}")

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    figures = {"three_roads": three_roads(X, y, n_epochs)}
    for name, draw in (("step_cost", step_cost), ("time_to_target", time_to_target)):
        figures[name], ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
        draw(X, y, ax)
    folder.mkdir(parents=True, exist_ok=True)
    print()
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=110)
        print(f"wrote {folder / name}.png")


def three_roads(X: Any, y: Any, n_epochs: int) -> Any:
    """Train with batches of all rows, of one row and of 64, each for the same number of epochs."""
    import matplotlib.pyplot as plt
    from sklearn.model_selection import train_test_split

    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0, stratify=y)
    roads = {  # each with the best learning rate among powers of two
        "full batch": ("full", 2.0),
        "one sample": (1, 0.03125),
        "mini-batch of 64": (64, 0.5),
    }
    print(f"scikit-learn's digits, {len(X_train)} x {X.shape[1]}, 10 classes, softmax regression, float32")
    print(f"{n_epochs} passes over the data for each, reshuffled every epoch\n")
    columns = f"{'steps':>8}{'seconds':>10}{'loss':>8}{'accuracy':>10}{'us/step':>9}{'NumPy us/step':>15}"
    print(f"{'batch size':18}{columns}")
    mb.reference.fit(X_train, y_train, loss="log_loss", epochs=1)  # starts NumPy's threads
    runs = {}
    for road, (batch_size, learning_rate) in roads.items():
        arguments: dict[str, Any] = {
            "loss": "log_loss",
            "optimizer": mb.optimizers.SGD(learning_rate=learning_rate),
            "batch_size": batch_size,
            "epochs": n_epochs,
        }
        timed = mb.fit(X_train, y_train, **arguments)
        seconds = float(timed.history.epoch_elapsed[-1])
        n_reference_epochs = 2 if batch_size == 1 else n_epochs
        start = time.perf_counter()
        reference = mb.reference.fit(X_train, y_train, **{**arguments, "epochs": n_reference_epochs})
        reference_seconds = time.perf_counter() - start
        runs[road] = mb.fit(X_train, y_train, **arguments, record=("step", "full_loss"))
        accuracy = np.mean(timed.predict(X_test) == y_test)
        print(
            f"{road:18}{timed.n_steps:8}{seconds:10.4f}{runs[road].history.full_loss[-1]:8.4f}"
            f"{accuracy:10.3f}{seconds / timed.n_steps * 1e6:9.2f}"
            f"{reference_seconds / reference.n_steps * 1e6:15.2f}"
        )
    print("\nloss: mean over all training rows after the last step; accuracy: on the 20% held out")
    figure, (per_step, per_second) = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    mb.plotting.loss_curves(runs, ax=per_step)
    mb.plotting.loss_curves(runs, x="seconds", ax=per_second)
    per_step.set_title("the same budget of passes, by step")
    per_second.set(title="and by time", ylabel="")
    return figure


def step_cost(X: Any, y: Any, ax: Any) -> None:
    """Draw the time of a step by batch size, of mbgd_rs and of the NumPy reference."""
    cost = mb.diagnostics.step_cost(X, y, loss="log_loss")
    for name, tau_f, tau_d in (
        ("mbgd_rs", cost.tau_f, cost.tau_d),
        ("NumPy", cost.reference_tau_f, cost.reference_tau_d),
    ):
        print(f"\n{name:8}a step takes {tau_f * 1e6:6.2f} us plus {tau_d * 1e9:5.1f} ns for each row", end="")
    cost.plot(ax)


def time_to_target(X: Any, y: Any, ax: Any) -> None:
    """Draw the time to a target loss by batch size, and print the size that is recommended."""
    advice = mb.diagnostics.recommend_batch_size(X, y, loss="log_loss", n_threads=1)
    low, high = advice.interval
    print(
        f"\nrecommended batch size to reach a loss of {advice.target:.3g}: {advice.batch_size}; "
        f"sizes from {low} to {high} are predicted to be within 10 % of the fastest"
    )
    advice.plot(ax)


def bench() -> None:
    """Print how long an epoch takes on this machine, beside the NumPy reference."""
    print("one epoch of logistic regression, float32, reshuffled; milliseconds, median of 5\n")
    print(f"{'n x d':>16}{'b':>6}{'NumPy':>10}{'mbgd_rs':>10}{'ratio':>8}")
    for n_rows, n_columns in [(20_000, 30), (200_000, 100)]:
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n_rows, n_columns), dtype=np.float32)
        y = X[:, 0] + rng.standard_normal(n_rows) > 0
        for batch_size in (32, 256, 4096):

            def epoch(fit, batch_size=batch_size, X=X, y=y, **arguments) -> float:  # type: ignore[no-untyped-def]
                start = time.perf_counter()
                fit(X, y, loss="log_loss", batch_size=batch_size, epochs=1, **arguments)
                return time.perf_counter() - start

            def orders(_: int, n_rows: int = n_rows, rng: np.random.Generator = rng) -> np.ndarray:
                return rng.permutation(n_rows)

            pairs = [(epoch(mb.reference.fit, orders=orders, record=()), epoch(mb.fit)) for _ in range(5)]
            numpy, ours = np.median(pairs, axis=0) * 1e3
            shape = f"{n_rows:,} x {n_columns}"
            print(f"{shape:>16}{batch_size:6}{numpy:10.2f}{ours:10.2f}{numpy / ours:8.1f}")


def main(arguments: list[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m mbgd_rs", description="mini-batch gradient descent")
    verbs = parser.add_subparsers(dest="verb", required=True)
    demo_parser = verbs.add_parser("demo", help="train on real digits, time steps, recommend a batch size")
    demo_parser.add_argument(
        "--folder",
        type=Path,
        default=Path("pictures"),
        metavar="FOLDER",
        help="where the three pictures go, made if need be; by default %(default)s",
    )
    demo_parser.add_argument("--epochs", type=int, default=20)
    verbs.add_parser("info", help="print versions, SIMD tier and number of threads")
    verbs.add_parser("bench", help="time an epoch on this machine, beside NumPy")
    options = parser.parse_args(arguments)
    if options.verb == "demo":
        demo(options.folder, options.epochs)
    elif options.verb == "info":
        info()
    else:
        bench()


if __name__ == "__main__":
    main()
