"""Controls of the learning rate: what may change a step, and has a state that is part of the run."""

from typing import Any

from numpy.typing import NDArray

from .model import Parameters
from .schedules import plateau_of, rates_of
from .shuffle import Rows

Array = NDArray[Any]


class LearningRate:
    """A control of the learning rate: a schedule, or automatic. Its methods are called in this order."""

    wants_loss = False
    """Whether it decides by the loss."""
    is_automatic = True

    def begin_epoch(self, epoch: int, steps: list[list[Rows]]) -> None:
        """Takes note of the batches of every step of an epoch."""

    def prepare(self, w: Parameters, batches: list[Rows]) -> None:
        """Before the gradient of a step: may look at all rows and put other parameters into w."""

    def observe(self, loss: float, w: Parameters, g: Parameters) -> float:
        """After it: may put an accepted point and its gradient into w and g. Returns the loss there."""
        return loss

    def at(self, t: int) -> float:
        """The learning rate of step t."""
        raise NotImplementedError

    def accept(self, w: Parameters, loss: float) -> tuple[bool, float]:
        """After the step: may take it back. Returns whether it was made, and the loss to be recorded."""
        return True, loss

    def end_epoch(self, loss: float, w: Parameters) -> None:
        """Takes note of the mean loss of the epoch."""

    def is_trying(self) -> bool:
        """Whether a rate is being tried, so that a loss that does not fall says nothing yet."""
        return False

    def model(self, w: Array) -> Array:
        """What to predict with, given the parameters."""
        return w

    def best(self, model: Array) -> Array:
        """The model in the end, or a better one that was seen on the way."""
        return model


class Scheduled(LearningRate):
    """A function of the step, lowered on plateaus of the loss if it is to be."""

    is_automatic = False

    def __init__(self, schedule: Any) -> None:
        self.rate, self.plateau = rates_of(schedule), plateau_of(schedule)
        self.wants_loss = self.plateau is not None

    def at(self, t: int) -> float:
        return self.rate(t) if self.plateau is None else self.plateau.lowered(self.rate(t))

    def end_epoch(self, loss: float, w: Parameters) -> None:
        if self.plateau is not None:
            self.plateau.end_epoch(loss)
