"""Models for other programs: as graphs of ONNX, and as estimators of scikit-learn.

The packages of both are imported when they are wanted.
"""
