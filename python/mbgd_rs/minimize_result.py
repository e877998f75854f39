"""What `minimize` gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .diagnosis import table
from .history import History
from .optimizers.optimizer import leaves
from .plotting.curves import training_curves
from .stop_reason import StopReason

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MinimizeResult"]


@dataclass(frozen=True, eq=False, repr=False)
class MinimizeResult:
    """What :func:`minimize` found. Can be resumed: ``minimize(resume=...)``.

    Attributes
    ----------
    params : of the structure given
        New arrays.
    history : History
        With epoch_loss, epoch_elapsed, step_loss and elapsed, and validation_loss if there were rows for it.
    n_steps, n_epochs : int
    stop_reason : StopReason
    best_epoch : int or None
        Epochs completed when the parameters were those reported here, if a rule with `restore_best` has
        chosen them.
    state : dict or None
        Everything needed to go on; None if an exception ended the run in the middle of a step.
    """

    params: Any
    history: History
    n_steps: int
    n_epochs: int
    stop_reason: StopReason
    best_epoch: int | None = None
    state: dict[str, Any] | None = None

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the losses of training and validation, and metrics, by epoch; needs matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib Axes
            As :func:`mbgd_rs.plotting.training_curves`.
        """
        return training_curves(self, ax=ax)

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        return table(
            type(self).__name__,
            {
                "params": repr(self).partition("<")[2].partition(">")[0],
                "n_epochs": self.n_epochs,
                "n_steps": self.n_steps,
                "best_epoch": self.best_epoch,
                "stop_reason": self.stop_reason.prose,
                **self.history.last(),
            },
        )

    def __repr__(self) -> str:
        arrays = list(leaves(self.params))
        loss = f", epoch_loss={self.history.epoch_loss[-1]:.6g}" if self.history.epoch_loss.size else ""
        return (
            f"MinimizeResult(params=<{sum(w.size for w in arrays)} numbers in {len(arrays)} array(s)>, "
            f"n_epochs={self.n_epochs}, n_steps={self.n_steps}{loss}, stop_reason={self.stop_reason.value!r})"
        )
