"""Model files: what they look like, version 2 of the format.

A model file is a safetensors file, which many programs can look into. Its tensors are the arrays of the
model, little-endian, by names as "coef", "coefs.0", "standardization.mean" or "state.memory.0"; under the key
"mbgd_rs" of its metadata is a document in JSON with everything else, and where in it each array belongs::

    {"format": 2, "version": "0.1.0", "model": {...}, "resume": {...} or null, "estimator": {...} or null}

- "model" has the fields of a :class:`mbgd_rs.FitResult` that predicting, and looking at it, need.
- "resume" has what going on needs: the state, the arguments, what is known of the data.
- "estimator" says which estimator the model is of: the name of its class, parameters, attributes.

How values look in the document is said in `values.py`, arrays of types that safetensors does not have in
`arrays.py`. The tensor "checksum" has the SHA-256 of all bytes of the file, its own taken as zeros.

A field more, or one that means something else, makes a new version of the format. Older ones keep being read,
newer ones are refused. Format 1 had no model but the linear one: "coef" and "intercept" in the place of
"params", "model" and "is_vector". Nothing in a file is ever run: classes of choices are looked up by their
names in the package's registry, and their constructors check what they are given.
"""

from ..replacing import replace_file
from .file import ModelFile, check_can_be_saved, read_model, refused, write_model

__all__ = ["ModelFile", "check_can_be_saved", "read_model", "refused", "replace_file", "write_model"]
