"""`load`: a model from its file."""

from __future__ import annotations

import os

from .result import FitResult

__all__ = ["load"]


def load(path: str | os.PathLike[str]) -> FitResult:
    """Read a model that :meth:`FitResult.save` has written.

    Nothing in the file is run, so that files of strangers can be read. It has a checksum: a file that was
    changed or cut is refused, and so is one whose content makes no sense. Files of older versions are read.

    Parameters
    ----------
    path : str or path
        Where.

    Returns
    -------
    FitResult
        As it was saved; of one without its state, `state` is None and `arguments` is empty.

    Raises
    ------
    ValueError
        If it is not a model file, is damaged, or is of a newer version of the format.
    OSError
        If it cannot be read.

    Examples
    --------
    A run that goes on in another process:

    >>> import os, tempfile
    >>> import numpy as np
    >>> import mbgd_rs as mb
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> y = X @ [1.0, -2.0, 0.5]
    >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
    >>> begun = mb.fit(X, y, optimizer="adam", epochs=2)
    >>> begun.save(path, state=True)
    >>> loaded = mb.load(path)
    >>> ended = mb.fit(X, y, epochs=3, resume=loaded, **loaded.arguments)
    >>> bool((ended.coef == mb.fit(X, y, optimizer="adam", epochs=5).coef).all())
    True
    """
    from .model_file import read_model

    return FitResult(**read_model(path).result)
