"""The batch size that ``batch_size="auto"`` has chosen."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AutoBatchSize"]


@dataclass(frozen=True)
class AutoBatchSize:
    """What ``batch_size="auto"`` has found out and chosen, for 65,536 rows or more.

    A pilot run of one pass over 16,384 rows, drawn by the seed, in batches of 64 and with the optimizer
    given, leads to the mean of its parameters in the second half, or to the model of an optimizer that has
    its own; there 4096 other rows give the noise scale B. The size is the largest power of two, of 32 to
    1024, whose predicted time to a target, ``(1 + B / b) (tau_f + b tau_d)``, is within 10 % of the least.
    The costs of a step, tau_f, and of a row, tau_d, come from a fixed table of what they usually are: no
    clock is asked, and the choice is the same for every number of threads.
    :func:`mbgd_rs.diagnostics.recommend_batch_size` measures all of it.

    Attributes
    ----------
    batch_size : int
        Rows of a batch; with `accumulate`, of each of them.
    noise_scale : float
        ``B = tr(Sigma) / |G|^2``, in rows; where the gradient is lost in its noise, the least that it may be.
    cost_ratio : float
        ``tau_f / tau_d``: rows that cost as much as the fixed part of a step.
    """

    batch_size: int
    noise_scale: float
    cost_ratio: float
