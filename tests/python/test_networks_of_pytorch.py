"""Networks, step by step, against those of PyTorch (oracles/): of the reference and of the core."""

import inspect
import json
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import reference

ORACLE = json.loads((Path(__file__).parent / "oracles" / "networks.json").read_text())
TOLERANCE = 1e-10
FITS = {
    "reference": reference.fit,
    "core": pytest.param(
        mb.fit,
        marks=pytest.mark.skipif(
            "model" not in inspect.signature(mb.fit).parameters, reason="fit has no models yet"
        ),
    ),
}


def arguments_of(case):
    """What `fit` is given for a case of the oracle's file."""
    options = dict(case["optimizer"])
    kind = getattr(mb.optimizers, options.pop("name"))
    betas = {"betas": tuple(options.pop("betas"))} if "betas" in options else {}
    return {
        "X": np.array(ORACLE["X"]),
        "y": np.array(ORACLE["targets"][case["targets"]]),
        "sample_weight": np.array(ORACLE["sample_weight"]) if case.get("is_weighted") else None,
        "loss": case["loss"],
        "penalty": mb.penalties.L2(case["penalty"]) if "penalty" in case else None,
        "model": mb.models.MLP(**case["model"]),
        "optimizer": kind(**options, **betas),
        "init": {name: [np.array(array) for array in block] for name, block in case["start"].items()},
        "batch_size": ORACLE["batch_size"],
        "shuffle": False,
        "record": "step",
    }


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
@pytest.mark.parametrize("name", ORACLE["cases"])
def test_steps_are_those_of_pytorch(name, fit):
    case = ORACLE["cases"][name]
    for epoch, expected in case["params_after_epoch"].items():
        result = fit(**arguments_of(case), epochs=int(epoch))
        history = result.history
        step_loss = history["step_loss"] if isinstance(history, dict) else history.step_loss
        np.testing.assert_allclose(step_loss, case["step_loss"][: len(step_loss)], rtol=TOLERANCE)
        assert set(result.params) == set(expected)
        for block, arrays in expected.items():
            for ours, theirs in zip(result.params[block], arrays, strict=True):
                assert ours.dtype == np.float64
                np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE)


def test_what_the_oracle_has():
    cases = ORACLE["cases"].values()
    activations = {name for case in cases for name in case["model"]["activation"]}
    assert activations == {"identity", "relu", "leaky_relu", "tanh", "logistic", "gelu", "silu"}
    assert {len(case["model"]["hidden"]) for case in cases} == {0, 1, 2, 3}
    assert {case["optimizer"]["name"] for case in cases} == {"SGD", "Adam", "AdamW"}
    assert {case["targets"] for case in cases} == set(ORACLE["targets"])
    assert all(len(case["step_loss"]) == 40 for case in cases)
