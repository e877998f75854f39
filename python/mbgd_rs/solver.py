"""What a solver has chosen and found out: `result.solver`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Solver", "solver_of"]


@dataclass(frozen=True)
class Solver:
    """What SAGA, SVRG and preconditioned SGD have found out, and why ``optimizer="auto"`` has chosen this.

    Attributes
    ----------
    optimizer : str
        Name of the optimizer.
    reason : str or None
        Why ``optimizer="auto"`` has chosen it; None if it was asked for.
    preconditioner : str or None
        The metric of the last steps: "newton", "nystrom of rank r", "diagonal" or None.
    smoothness : float or None
        The largest eigenvalue of the Hessian of the objective in that metric, about 1 if it is known well.
    leverage : float or None
        The curvature of a row, in that metric, that only one of a hundred rows exceeds.
    share : float or None
        The share of the longest step that both allow which steps have: 1/2, and half as much whenever an
        epoch has made the objective much worse.
    n_builds : int
        How often the metric was built.
    gap : float or None
        How far the objective was from its optimum at the end of the last epoch, relatively and about, if a
        rule of stopping has asked: see :class:`mbgd_rs.stopping.Converged`.
    """

    optimizer: str
    reason: str | None = None
    preconditioner: str | None = None
    smoothness: float | None = None
    leverage: float | None = None
    share: float | None = None
    n_builds: int = 0
    gap: float | None = None


def solver_of(state: dict[str, Any], optimizer: Any, reason: str | None, gap: Any) -> Solver | None:
    """What the state of a run says of its solver; None if there is none and none was chosen."""
    saved = state.get("solver")
    name = getattr(type(optimizer), "name", str(optimizer))
    if saved is None:
        return None if reason is None else Solver(name, reason)
    metric = saved["metric"]
    relative = None if gap is None else gap[0] / abs(gap[1]) if gap[1] else gap[0]
    shared = {"optimizer": name, "reason": reason, "share": saved["share"], "n_builds": saved["n_builds"]}
    if metric is None:
        return Solver(**shared, gap=relative)
    (smoothness, leverage, _), diagonal, factors = metric
    rank = len(factors) // (len(saved["centre"]) + 1)
    kind = "newton" if diagonal is None else f"nystrom of rank {rank}" if rank else "diagonal"
    is_plain = getattr(optimizer, "preconditioner", None) is None
    return Solver(
        **shared,
        preconditioner=None if is_plain else kind,
        smoothness=smoothness,
        leverage=leverage,
        gap=relative,
    )
