"""Which values parameters may have, and scikit-learn's errors for others.

The only file with private names of scikit-learn: those by which its own estimators check their parameters,
so that the messages are the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from numbers import Integral, Real
from typing import Any

from sklearn import get_config
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)

from ..averages import Average
from ..choices import Choice, aliases_of, hint_of_name, names_of, quoted
from ..losses import Loss
from ..models import Model
from ..penalties import Penalty

__all__ = ["CLASS_WEIGHTS", "OF_ALL", "OF_MODELS", "check_params", "names", "positive_share"]

Constraints = dict[str, list[Any]]


class Names(StrOptions):  # type: ignore[misc]
    """One of some strings, which messages list in order, or those of them that are `shown`."""

    def __init__(self, options: Collection[str], aliases: Mapping[str, str], shown: Collection[str]) -> None:
        super().__init__(set(options))
        self.aliases, self.shown = aliases, sorted(shown)

    def __str__(self) -> str:
        return f"a str among {{{quoted(self.shown)}}}"


def names(*options: str, family: type[Choice] | None = None, shown: Collection[str] | None = None) -> Any:
    """One of these strings, be they names of a family; a message lists those that are `shown`."""
    aliases = {} if family is None else aliases_of(family)
    return Names(options, aliases, options if shown is None else shown)


def positive_share(*, closed: str) -> Any:
    """A number from 0 to 1; `closed` says at which ends it may be equal."""
    return Interval(Real, 0, 1, closed=closed)


OF_ALL: Constraints = {
    "fit_intercept": ["boolean"],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left"), None],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
    "n_jobs": [Integral, None],
    "learning_rate": [names("auto", "constant", "optimal", "invscaling", "adaptive")],
    "eta0": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "warm_start": ["boolean"],
    "average": ["boolean", Interval(Integral, 0, None, closed="neither"), Average],
    "momentum": [Interval(Real, 0, 1, closed="left")],
    "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
    "standardize": ["boolean"],
}
OF_MODELS: Constraints = {
    **OF_ALL,
    "penalty": [names(*names_of(Penalty), family=Penalty), Penalty, None],
    "alpha": [Interval(Real, 0, None, closed="left"), dict],
    "model": [names(*names_of(Model), family=Model), Model],
    "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
    "epsilon": [Interval(Real, 0, None, closed="left")],
    "early_stopping": ["boolean"],
    "validation_fraction": [positive_share(closed="neither")],
    "loss": [Loss],
}
CLASS_WEIGHTS = [names("balanced"), dict, None]


def check_params(estimator: Any, constraints: Constraints) -> None:
    """That parameters are what they may be; those that `constraints` do not name are for `fit` to check."""
    if get_config()["skip_parameter_validation"]:
        return
    given = estimator.get_params(deep=False)
    try:
        validate_parameter_constraints(
            constraints, {name: given[name] for name in constraints}, caller_name=type(estimator).__name__
        )
    except InvalidParameterError as error:
        raise InvalidParameterError(f"{error}{hint_of_names(given, constraints)}") from None


def hint_of_names(given: dict[str, Any], constraints: Constraints) -> str:
    """A question for the name that is meant by the first one that is none."""
    for parameter, allowed in constraints.items():
        value = given[parameter]
        options = next((of for of in allowed if isinstance(of, Names)), None)
        if options is None or not isinstance(value, str) or value in options.options:
            continue
        aliases = {other: name for other, name in options.aliases.items() if name in options.options}
        meant = hint_of_name(value, options.shown, aliases) or hint_of_name(value, options.options, {})
        return f" Did you mean {meant!r}?" if meant else ""
    return ""
