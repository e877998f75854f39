"""The objective on a plane through three models: a picture of the valleys between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core, plotting
from ..diagnosis import Diagnosis
from ..inputs import as_array, as_float, as_integer
from ..losses import Loss, LossName
from ..models import Model, ModelName
from ..objective import Problem, make_problem
from ..penalties import Penalty, PenaltyName
from ..threads import resolve_n_threads

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LossSlice", "loss_slice"]

Array = NDArray[Any]
NEARLY = 1e-6
"""How small the sine of an angle is at which three points are on one line."""


@dataclass(frozen=True, repr=False, eq=False)
class LossSlice(Diagnosis):
    """The objective on a plane: what :func:`loss_slice` computed.

    Coordinates are Euclidean: the distance of two places in the plane is that of their parameters.

    Attributes
    ----------
    u, v : ndarray of shape (n_points,)
        The coordinates of the columns and of the rows of `values`.
    values : ndarray of shape (n_points, n_points)
        The objective at ``(u[j], v[i])``; infinite where it is too large to be a number.
    points : dict of str to ndarray of shape (2,)
        Where the three models are: the first at (0, 0), the second at (u, 0), the third at some v > 0.
    point_values : dict of str to float
        The objective there.
    paths : dict of str to ndarray of shape (n_steps, 2)
        The paths, projected onto the plane.
    distances : dict of str to ndarray of shape (n_steps,)
        How far from the plane each of their places is: what the picture does not show.
    """

    u: Array
    v: Array
    values: Array
    points: dict[str, Array]
    point_values: dict[str, float]
    paths: dict[str, Array]
    distances: dict[str, Array]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it: :func:`mbgd_rs.plotting.loss_slice`."""
        return plotting.loss_slice(self, ax)


def loss_slice(
    X: Any,
    y: ArrayLike,
    points: Mapping[str, Any],
    *,
    paths: Mapping[str, Any] | None = None,
    loss: LossName | Loss | None = None,
    model: ModelName | Model | None = None,
    penalty: PenaltyName | Penalty | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    n_points: int = 41,
    margin: float = 0.2,
    n_threads: int | None = None,
) -> LossSlice:
    """Compute the objective over all rows on the plane through three models, and project paths onto it.

    The axes are those of Gram and Schmidt: u from the first model to the second, v from this line to the
    third. Paths leave the plane on their way, and may seem to end uphill. Two networks can be the same
    function and still be far apart, with their units in another order: the ridge between them is then one of
    this order alone.

    Parameters
    ----------
    X, y, penalty, sample_weight, offset
        As in :func:`mbgd_rs.fit`.
    points : mapping of str to FitResult, dict or tuple
        Three models, by the label they get: results, or parameters as ``init`` of :func:`mbgd_rs.fit` has
        them; not all on one line.
    paths : mapping of str to array-like of shape (n_steps, n_params), or sequence of parameters, optional
        Where runs have come by, as ``history.path`` has it, or as a callback has gathered the parameters that
        it was shown.
    loss, model : str or object, optional
        By default those of the first result among the points, or "squared_error" and "linear".
    n_points : int, default=41
        Of the grid in each direction, >= 2; every one costs a look at all rows.
    margin : float, default=0.2
        How much of the plane is shown around points and paths, as a share of their extent; finite and >= 0.
    n_threads : int, optional
        Threads to use; they do not change the result.

    Returns
    -------
    LossSlice

    Raises
    ------
    ValueError
        If there are not three points, if they lie on one line, or for arguments that make no sense.

    References
    ----------
    I. J. Goodfellow, O. Vinyals, A. M. Saxe, Qualitatively characterizing neural network optimization
    problems, ICLR 2015. T. Garipov, P. Izmailov, D. Podoprikhin, D. Vetrov, A. G. Wilson, Loss surfaces, mode
    connectivity, and fast ensembling of DNNs, NeurIPS 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import mbgd_rs as mb
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> y = np.abs(X[:, 0])
    >>> network = mb.models.MLP((4,), activation="tanh")
    >>> how = {"loss": "squared_error", "model": network, "epochs": 50}
    >>> runs = {f"seed {seed}": mb.fit(X, y, **how, seed=seed) for seed in range(3)}
    >>> slice = mb.diagnostics.loss_slice(X, y, runs, loss="squared_error", n_points=11)
    >>> slice.values.shape, list(slice.points)
    ((11, 11), ['seed 0', 'seed 1', 'seed 2'])
    """
    if len(points) != 3:
        raise ValueError(f"points must be three models, got {len(points)}")
    n_points, margin = as_integer("n_points", n_points, 2), as_float("margin", margin)
    if not 0 <= margin < np.inf:
        raise ValueError(f"margin must be finite and >= 0, got {margin}")
    results = (point for point in points.values() if hasattr(point, "model"))
    problem = make_problem(
        X,
        y,
        loss=loss,
        model=model,
        penalty=penalty,
        sample_weight=sample_weight,
        offset=offset,
        known=next(results, None),
    )
    threads = resolve_n_threads(n_threads)
    flat = {name: _flat(problem, f"points[{name!r}]", point) for name, point in points.items()}
    origin, basis = _plane(flat)
    places = {name: basis @ (point - origin) for name, point in flat.items()}
    projected, distances = {}, {}
    for name, given in (paths or {}).items():
        away = _path(problem, f"paths[{name!r}]", given) - origin
        projected[name] = away @ basis.T
        left = (away**2).sum(axis=1) - (projected[name] ** 2).sum(axis=1)
        distances[name] = np.sqrt(np.maximum(left, 0.0))
    shown = np.vstack([*places.values(), *projected.values()])
    low, high = shown.min(axis=0), shown.max(axis=0)
    reach = margin * (high - low)
    u, v = (np.linspace(a, b, n_points) for a, b in zip(low - reach, high + reach, strict=True))

    def value(params: Array) -> float:
        with np.errstate(over="ignore"):
            params = params.astype(problem.X.dtype)
        if not np.isfinite(params).all():
            return np.inf
        found = _core.sampled_loss(problem, params, len(problem.X), threads)
        return found if np.isfinite(found) else np.inf

    values = np.array([[value(origin + a * basis[0] + b * basis[1]) for a in u] for b in v])
    return LossSlice(
        u=u,
        v=v,
        values=values,
        points=places,
        point_values={name: value(point) for name, point in flat.items()},
        paths=projected,
        distances=distances,
    )


def _flat(problem: Problem, argument: str, params: Any) -> Array:
    """Parameters as a flat vector of doubles."""
    flat = problem.model.join(
        params, problem.X.shape[1], problem.n_outputs, problem.X.dtype, argument=argument
    )
    return flat.astype(np.float64)


def _path(problem: Problem, argument: str, path: Any) -> Array:
    """A path as an array of doubles, with a row for each of its places."""
    if isinstance(path, Sequence) and len(path) and isinstance(path[0], Mapping | tuple):
        return np.array([_flat(problem, f"{argument}[{i}]", params) for i, params in enumerate(path)])
    array = as_array(argument, path).astype(np.float64)
    if array.ndim != 2 or array.shape[1] != problem.n_params or not len(array):
        raise ValueError(f"{argument} must be of shape (n_steps, {problem.n_params}), got {array.shape}")
    return array


def _plane(flat: Mapping[str, Array]) -> tuple[Array, Array]:
    """The first of three points, and two directions of length 1 in which the others lie."""
    first, second, third = flat.values()
    along, beside = second - first, third - first
    length = np.linalg.norm(along)
    if length > 0:
        along = along / length
        across = beside - (beside @ along) * along
        rest = np.linalg.norm(across)
        if rest > NEARLY * np.linalg.norm(beside):
            return first, np.array([along, across / rest])
    names = ", ".join(map(repr, flat))
    raise ValueError(f"points must not lie on one line, got {names} that do")
