"""Controls of the learning rate: what may change a step, and has a state that is part of the run."""

from typing import Any

from numpy.typing import NDArray

from .model import Parameters
from .schedules import plateau_of, rates_of

Array = NDArray[Any]


class LearningRate:
    """A control of the learning rate: a schedule, or automatic. Its methods are called in this order."""

    wants_loss = False
    """Whether it decides by the loss."""
    is_automatic = True

    def begin_epoch(self, epoch: int, n_steps: int) -> None:
        """Takes note of how many steps the epoch has."""

    def prepare(self, w: Parameters) -> None:
        """Before the gradient of a step: may look at all rows and put other parameters into w."""

    def observe(self, loss: float, w: Parameters, g: Parameters) -> float:
        """After it: may put an accepted point and its gradient into w and g. Returns the loss there."""
        return loss

    def at(self, t: int) -> float:
        """The learning rate of step t."""
        raise NotImplementedError

    def accept(self, w: Parameters) -> None:
        """After the step: may take it back."""

    def end_epoch(self, loss: float) -> None:
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

    def end_epoch(self, loss: float) -> None:
        if self.plateau is not None:
            self.plateau.end_epoch(loss)
