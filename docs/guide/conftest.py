"""Pages whose packages are not installed are not run."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("onnx") and find_spec("onnxruntime") else ["files.rst"]
