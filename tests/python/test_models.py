"""Models as choices: what they are made of, the shapes of their parameters, and where they begin."""

import copy
import dataclasses
import math
import pickle
import re
from itertools import pairwise
from types import SimpleNamespace

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs._core import start_numbers
from mbgd_rs.models import MLP, FactorizationMachine, Linear
from mbgd_rs.reference.random import HALF, random_blocks

MODELS = [
    Linear(),
    MLP(),
    MLP(()),
    MLP(3, "tanh"),
    MLP((4, 3, 5), ("relu", "gelu", "identity"), dropout=0.25, init="he_normal"),
    FactorizationMachine(),
    FactorizationMachine(rank=1, init_scale=0),
]
SHAPES = [(1, 1, True), (1, 1, False), (4, 1, True), (4, 1, False), (4, 3, False)]
"""Numbers of columns and outputs, and whether the targets are a vector."""


# ---- choices


@pytest.mark.parametrize("model", MODELS)
def test_they_are_values(model):
    assert eval(repr(model), vars(mb.models)) == model
    assert pickle.loads(pickle.dumps(model)) == model == copy.deepcopy(model) == dataclasses.replace(model)
    assert len({model, copy.copy(model)}) == 1
    for field in dataclasses.fields(model):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(model, field.name, 1)


def test_what_is_the_same_is_equal():
    model = MLP((100,))
    assert model == MLP() == MLP(100) == MLP([100]) == MLP(np.array([100])) == MLP(np.int32(100))
    assert model == MLP(100, ["relu"]) == MLP(100, np.array(["relu"])) == MLP(100, "ReLU", np.float64(0))
    assert MLP((2, 3), ("tanh", "tanh")) == MLP((2, 3), "tanh") != MLP((2, 3), ("tanh", "relu"))
    assert all(type(n) is int for n in MLP(np.array([3, 4])).hidden)
    assert type(MLP(np.int64(3)).hidden[0]) is int
    assert type(MLP(3, np.array(["relu"])).activation) is str
    assert type(MLP(dropout=np.float32(0.5)).dropout) is float
    fm = FactorizationMachine(np.uint8(4), np.array(0.5))
    assert fm == FactorizationMachine(4, 0.5)
    assert (type(fm.rank), type(fm.init_scale)) == (int, float)


def test_every_layer_has_an_activation():
    assert MLP((2, 3), "silu").activations == ("silu", "silu")
    assert MLP((2, 3), ["silu", "tanh"]).activations == ("silu", "tanh")
    assert MLP((), "silu").activations == MLP((), ()).activations == ()
    assert dataclasses.replace(MLP(2), hidden=(3, 4)).activations == ("relu", "relu")


NAN = math.nan
BAD = [
    (lambda: MLP(0), ValueError, "hidden must be >= 1, got 0"),
    (lambda: MLP(-3), ValueError, "hidden must be >= 1, got -3"),
    (lambda: MLP((5, 0)), ValueError, "hidden[1] must be >= 1, got 0"),
    (lambda: MLP(10.0), TypeError, "hidden must be an integer, got 10.0"),
    (lambda: MLP((5, 10.0)), TypeError, "hidden[1] must be an integer, got 10.0"),
    (lambda: MLP(np.array([5.0])), TypeError, "hidden[0] must be an integer, got np.float64(5.0)"),
    (lambda: MLP(True), TypeError, "hidden must be an integer, got True"),
    (lambda: MLP((True,)), TypeError, "hidden[0] must be an integer, got True"),
    (lambda: MLP((np.True_,)), TypeError, "hidden[0] must be an integer, got np.True_"),
    (lambda: MLP(((5,), 5)), TypeError, "hidden[0] must be an integer, got (5,)"),
    (lambda: MLP("100"), TypeError, "hidden must be an integer or a sequence of them, got '100'"),
    (lambda: MLP(b"10"), TypeError, "hidden must be an integer or a sequence of them, got b'10'"),
    (lambda: MLP(None), TypeError, "hidden must be an integer or a sequence of them, got None"),
    (lambda: MLP({5: 5}), TypeError, "hidden must be an integer or a sequence of them, got {5: 5}"),
    (lambda: MLP({5}), TypeError, "hidden must be an integer or a sequence of them, got {5}"),
    (lambda: MLP(2**63), ValueError, f"hidden must be <= {2**63 - 1}, got {2**63}"),
    (lambda: MLP(5, "sigmoid"), ValueError, "got 'sigmoid': did you mean 'logistic'?"),
    (lambda: MLP(5, "Swish"), ValueError, "got 'Swish': did you mean 'silu'?"),
    (lambda: MLP(5, "leakyrelu"), ValueError, "got 'leakyrelu': did you mean 'leaky_relu'?"),
    (lambda: MLP(5, "zzz"), ValueError, "activation must be one of 'identity', 'relu', 'leaky_relu', "),
    (lambda: MLP((5, 5), ("relu", "thn")), ValueError, "activation[1] must be one of 'identity', "),
    (lambda: MLP(5, ("relu", "tanh")), ValueError, "one for each of the 1 hidden layers, got 2"),
    (lambda: MLP((5, 5), ("relu",)), ValueError, "one for each of the 2 hidden layers, got 1"),
    (lambda: MLP((), ("relu",)), ValueError, "one for each of the 0 hidden layers, got 1"),
    (lambda: MLP(5, None), TypeError, "activation must be a name or a sequence of them, got None"),
    (lambda: MLP(5, (None,)), TypeError, "activation[0] must be one of 'identity', "),
    (lambda: MLP(5, dropout=1), ValueError, "dropout must be in [0, 1), got 1"),
    (lambda: MLP(5, dropout=-0.1), ValueError, "dropout must be in [0, 1), got -0.1"),
    (lambda: MLP(5, dropout=NAN), ValueError, "dropout must be in [0, 1), got nan"),
    (lambda: MLP(5, dropout=True), TypeError, "dropout must be a number, got True"),
    (lambda: MLP(5, dropout=(0.1,)), TypeError, "dropout must be a number, got (0.1,)"),
    (lambda: MLP(5, init="xavier_uniform"), ValueError, "did you mean 'glorot_uniform'?"),
    (lambda: MLP(5, init="kaiming_normal"), ValueError, "did you mean 'he_normal'?"),
    (lambda: MLP(5, init="zeros"), ValueError, "init must be one of 'auto', 'he_uniform', "),
    (lambda: MLP(5, init=0), TypeError, "init must be one of 'auto', 'he_uniform', "),
    (lambda: FactorizationMachine(0), ValueError, "rank must be >= 1, got 0"),
    (lambda: FactorizationMachine(2.0), TypeError, "rank must be an integer, got 2.0"),
    (lambda: FactorizationMachine(True), TypeError, "rank must be an integer, got True"),
    (lambda: FactorizationMachine("8"), TypeError, "rank must be an integer, got '8'"),
    (lambda: FactorizationMachine(init_scale=-1), ValueError, "init_scale must be finite and >= 0, got -1"),
    (lambda: FactorizationMachine(init_scale=NAN), ValueError, "must be finite and >= 0, got nan"),
    (lambda: FactorizationMachine(init_scale=math.inf), ValueError, "must be finite and >= 0, got inf"),
    (lambda: FactorizationMachine(init_scale=None), TypeError, "init_scale must be a number, got None"),
]


@pytest.mark.parametrize(("make", "kind", "message"), BAD)
def test_bad_parameters(make, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        make()


# ---- the flat vector


def shapes_of(model, d, k, is_vector):
    """The shapes of the blocks, as the documentation has them."""
    of_outputs = () if is_vector else (k,)
    if isinstance(model, Linear):
        return {"coef": (*of_outputs, d), "intercept": of_outputs}
    if isinstance(model, FactorizationMachine):
        r = model.rank
        return {"bias": of_outputs, "coef": (*of_outputs, d), "factors": (*of_outputs, d, r)}
    widths = [d, *model.hidden, k]
    layers = list(pairwise(widths))
    return {"coefs": layers, "intercepts": [(n_out,) for _, n_out in layers]}


def shapes(params):
    """The shapes of blocks."""
    return {
        name: [array.shape for array in block] if isinstance(block, list) else np.shape(block)
        for name, block in params.items()
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("d", "k", "is_vector"), SHAPES)
@pytest.mark.parametrize("model", MODELS)
def test_split_and_join_are_inverse(model, d, k, is_vector, dtype):
    n_weights, n_intercepts = model.size(d, k)
    flat = np.arange(n_weights + n_intercepts).astype(dtype)
    params = model.split(flat, d, k, is_vector)
    assert tuple(params) == model.blocks
    assert shapes(params) == shapes_of(model, d, k, is_vector)
    for given in (params, tuple(params.values()), SimpleNamespace(params=params)):
        joined = model.join(given, d, k, dtype)
        assert joined.dtype == dtype
        np.testing.assert_array_equal(joined, flat)
    joined[...] = 0
    assert flat[-1] == len(flat) - 1
    of_outputs = model.join(model.split(flat, d, k, is_vector=False), d, k)
    np.testing.assert_array_equal(of_outputs, flat)
    with pytest.raises(ValueError, match=rf"flat must have shape \({len(flat)},\), got \({len(flat) + 1},\)"):
        model.split(np.zeros(len(flat) + 1), d, k, is_vector)


@pytest.mark.parametrize("model", MODELS)
def test_weights_are_before_intercepts(model):
    n_weights, n_intercepts = model.size(4, 3)
    params = model.split(np.repeat([1.0, 0.0], [n_weights, n_intercepts]), 4, 3, is_vector=False)
    for name, block in params.items():
        for array in block if isinstance(block, list) else [block]:
            assert (array == (name in model.weight_blocks)).all()


def test_the_order_of_the_flat_vector():
    flat = np.arange(23.0)
    params = MLP(3).split(flat[:23], 4, 2, is_vector=False)
    np.testing.assert_array_equal(params["coefs"][0], flat[:12].reshape(4, 3))
    np.testing.assert_array_equal(params["coefs"][1], flat[12:18].reshape(3, 2))
    np.testing.assert_array_equal(params["intercepts"][0], [18, 19, 20])
    np.testing.assert_array_equal(params["intercepts"][1], [21, 22])
    rows = np.arange(18.0).reshape(3, 2, 3)  # columns of X, outputs, a coefficient and its factors
    params = FactorizationMachine(2).split(np.r_[rows.ravel(), 18, 19], 3, 2, is_vector=False)
    np.testing.assert_array_equal(params["bias"], [18, 19])
    for column in range(3):
        for output in range(2):
            assert params["coef"][output, column] == rows[column, output, 0]
            assert params["factors"][output, column].tolist() == rows[column, output, 1:].tolist()


def test_a_linear_result_is_joined():
    result = SimpleNamespace(coef=np.array([1.0, 2.0]), intercept=3.0)
    np.testing.assert_array_equal(Linear().join(result, 2, 1), [1, 2, 3])


W1, W2, B1, B2 = np.zeros((4, 3)), np.zeros((3, 2)), np.zeros(3), np.zeros(2)
BAD_PARAMS = [
    (MLP(3), {"coefs": [W1, W2.T], "intercepts": [B1, B2]},
     'init["coefs"][1] must have shape (3, 2), got (2, 3)'),
    (MLP(3), {"coefs": [W1, W2], "intercepts": [B1, B1]},
     'init["intercepts"][1] must have shape (2,), got (3,)'),
    (MLP(3), ([W1], [B1, B2]), 'init["coefs"] must be a list of 2 arrays, a layer each, got 1'),
    (MLP(3), (W1, [B1, B2]), 'init["coefs"] must be a list of 2 arrays, a layer each, got 4'),
    (MLP(3), (1.0, [B1, B2]), 'init["coefs"] must be a list of 2 arrays, got 1.0'),
    (MLP(3), ([W1, "no"], [B1, B2]), 'init["coefs"][1] must be an array of real numbers, got dtype <U2'),
    (MLP(3), ([W1, W2],), 'init must be 2 blocks, "coefs", "intercepts", for model \'mlp\', got 1'),
    (MLP(3), {"coefs": [W1, W2]},
     'init must have the keys "coefs", "intercepts" for model \'mlp\', got "coefs"'),
    (MLP(3), {}, "got none"),
    (MLP(3), {"coef": W1, "intercept": B1}, 'got "coef", "intercept"'),
    (MLP(3), 1.0, 'init must be a dict or a tuple of "coefs", "intercepts", or a FitResult, got 1.0'),
    (MLP(3), None, "init must be a dict or a tuple"),
    (Linear(), (np.zeros(4), B2), 'init["coef"] must have shape (2, 4), got (4,)'),
    (Linear(), (np.zeros((2, 4)), 0.0), 'init["intercept"] must have shape (2,), got ()'),
    (FactorizationMachine(3), (B2, np.zeros((2, 4)), W1),
     'init["factors"] must have shape (2, 4, 3), got (4, 3)'),
]  # fmt: skip


@pytest.mark.parametrize(("model", "params", "message"), BAD_PARAMS)
def test_parameters_of_other_shapes(model, params, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        model.join(params, 4, 2)


def test_what_one_output_may_have():
    message = re.escape('params["factors"] must have shape (1, 4, 3) or (4, 3), got (3, 4)')
    with pytest.raises(ValueError, match=message):
        FactorizationMachine(3).join((0.0, np.zeros(4), W1.T), 4, 1, argument="params")


def test_parameters_outside_of_the_range_of_the_type():
    with pytest.raises(ValueError, match=re.escape('init["coef"] must be within the range of float32')):
        Linear().join((np.array([1e300]), 0.0), 1, 1, np.float32)


@pytest.mark.parametrize(
    ("model", "n"),
    [
        (MLP((2**40, 2**40)), 2**80 + 4 * 2**40 + 2**41 + 1),
        (FactorizationMachine(2**47), 3 * (2**47 + 1) + 1),
    ],
)
def test_too_many_parameters_are_refused_before_anything_is_allocated(model, n):
    message = re.escape(f"model must have at most 2**48 parameters, got {n} of {model} for 3 columns")
    for act in (
        lambda: model.size(3, 1),
        lambda: model.split(np.zeros(1), 3, 1, is_vector=True),
        lambda: model.join((), 3, 1),
        lambda: model.start(3, 1, seed=0),
    ):
        with pytest.raises(ValueError, match=message):
            act()
    assert Linear().size(2**47, 1) == (2**47, 1)
    with pytest.raises(ValueError, match=rf"got {2**48 + 1} of Linear\(\)"):
        Linear().size(2**48, 1)


# ---- strengths of penalties


def test_strengths_of_blocks():
    assert MLP(3).strengths(0.5, 4, 2) == 0.5
    of_layers = MLP(3).strengths({"coefs": [1, 2.0]}, 4, 2)
    np.testing.assert_array_equal(of_layers, np.repeat([1.0, 2.0], [12, 6]))
    assert MLP(3).strengths({"coefs": 3}, 4, 2) == 3.0
    fm = FactorizationMachine(2)
    np.testing.assert_array_equal(fm.strengths({"coef": 1, "factors": 2}, 2, 2), [1, 2, 2] * 2)
    np.testing.assert_array_equal(fm.strengths({"factors": 2}, 2, 1), [0, 2, 2])
    assert fm.strengths({}, 2, 1) == 0
    assert Linear().strengths({"coef": 1}, 2, 2) == 1


@pytest.mark.parametrize(
    ("model", "alpha", "message"),
    [
        (MLP(3), {"coef": 1}, "got 'coef': did you mean 'coefs'?"),
        (MLP(3), {"intercepts": 1}, 'alpha must be a dict with keys of "coefs", got \'intercepts\''),
        (MLP(3), {1: 1}, 'alpha must be a dict with keys of "coefs", got \'1\''),
        (MLP(3), {"coefs": [1]}, 'alpha["coefs"] must be a number or 2, a layer each, got 1'),
        (MLP(3), {"coefs": [1, -1]}, 'alpha["coefs"][1] must be finite and >= 0, got -1'),
        (MLP(3), {"coefs": None}, 'alpha["coefs"] must be a number, got None'),
        (FactorizationMachine(), {"factors": NAN}, 'alpha["factors"] must be finite and >= 0, got nan'),
        (FactorizationMachine(), {"bias": 1},
         'alpha must be a dict with keys of "coef", "factors", got \'bias\''),
        (FactorizationMachine(), -1.0, "alpha must be finite and >= 0, got -1.0"),
        (FactorizationMachine(), [1.0], "alpha must be a number, got [1.0]"),
    ],
)  # fmt: skip
def test_bad_strengths(model, alpha, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        model.strengths(alpha, 4, 2)


# ---- where training begins

N_NUMBERS = 200_000


def words(seed, blocks):
    """The two words of 64 bits of every block."""
    lanes = random_blocks(seed, 0, 36, np.asarray(blocks))
    return lanes[0::2] << HALF | lanes[1::2]


@pytest.mark.parametrize("seed", [0, 1, 2**32 + 7, 2**64 - 1])
def test_numbers_are_those_of_their_address(seed):
    n = 2 * 1024 + 5
    uniform, normal = start_numbers(seed, n, False), start_numbers(seed, n, True)
    assert len(uniform) == len(normal) == n
    for i in (0, 1, 2, 3, 1024, 2 * 1024 - 1, 2 * 1024, n - 1):
        a, b = (int(word) for word in words(seed, [i // 2])[:, 0])
        assert uniform[i] == 2 * (((a, b)[i % 2] >> 11) * 2.0**-53) - 1
        radius = math.sqrt(-2 * math.log(((a >> 11) + 1) * 2.0**-53))
        turn = (math.cos, math.sin)[i % 2](math.tau * ((b >> 11) * 2.0**-53))
        assert normal[i] == pytest.approx(radius * turn, rel=1e-14)
    for is_normal, numbers in enumerate((uniform, normal)):
        for shorter in (0, 1, 2, 7):
            np.testing.assert_array_equal(start_numbers(seed, shorter, bool(is_normal)), numbers[:shorter])


def test_numbers_have_their_distribution():
    # Means of n numbers, by their standard errors; 5 of them are exceeded once in 2 million.
    uniform, normal = (start_numbers(5, N_NUMBERS, is_normal) for is_normal in (False, True))
    assert -1 <= uniform.min() < -0.9999 < 0.9999 < uniform.max() < 1
    for numbers, variance, fourth in ((uniform, 1 / 3, 1 / 5), (normal, 1, 3)):
        assert abs(numbers.mean()) < 5 * math.sqrt(variance / N_NUMBERS)
        error = math.sqrt((fourth - variance**2) / N_NUMBERS)
        assert abs((numbers**2).mean() - variance) < 5 * error
        assert abs((numbers[::2] * numbers[1::2]).mean()) < 5 * variance / math.sqrt(N_NUMBERS / 2)
    assert abs((np.abs(normal) > 1.959964).mean() - 0.05) < 5 * math.sqrt(0.05 * 0.95 / N_NUMBERS)


LAYER = {
    "he_uniform": lambda n_in, n_out: 2 / n_in,
    "he_normal": lambda n_in, n_out: 2 / n_in,
    "glorot_uniform": lambda n_in, n_out: 2 / (n_in + n_out),
    "glorot_normal": lambda n_in, n_out: 2 / (n_in + n_out),
}
"""The variance of the weights of a layer."""


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("init", "activation", "of_layers"),
    [
        *(("auto", activation, ("glorot_uniform",) * 3) for activation in ("relu", ("tanh", "silu"))),
        *((init, "relu", (init,) * 3) for init in LAYER),
    ],
)
def test_starts_of_layers(init, activation, of_layers, dtype):
    d, k = 300, 50
    model = MLP((200, 100), activation, init=init)
    flat = model.start(d, k, seed=3, dtype=dtype)
    assert flat.dtype == dtype
    params = model.split(flat, d, k, is_vector=False)
    assert not any(b.any() for b in params["intercepts"])
    for W, layer in zip(params["coefs"], of_layers, strict=True):
        variance = LAYER[layer](*W.shape)
        fourth = variance**2 * (3 if layer.endswith("normal") else 9 / 5)
        assert abs((W.astype(float) ** 2).mean() - variance) < 5 * math.sqrt((fourth - variance**2) / W.size)
        bound = math.sqrt(3 * variance)
        if layer.endswith("uniform"):
            assert 0.99 * bound < np.abs(W).max() <= bound * (1 + 1e-7)
        else:
            assert np.abs(W).max() > 1.5 * bound
    np.testing.assert_array_equal(flat, model.start(d, k, seed=3).astype(dtype))
    assert (flat != model.start(d, k, seed=4, dtype=dtype))[: model.size(d, k).n_weights].all()


@pytest.mark.parametrize(("d", "k", "is_vector"), SHAPES)
def test_starts_of_factors(d, k, is_vector):
    model = FactorizationMachine(rank=3, init_scale=0.5)
    params = model.split(model.start(d, k, seed=9), d, k, is_vector)
    assert not np.any(params["bias"])
    assert not params["coef"].any()
    np.testing.assert_array_equal(params["factors"].ravel(), 0.5 * start_numbers(9, k * d * 3, True))


def test_starts_without_draws():
    assert not Linear().start(4, 3, seed=1).any()
    assert not FactorizationMachine(init_scale=0).start(4, 3, seed=1).any()
