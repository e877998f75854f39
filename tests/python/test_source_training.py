"""Training on sources: the bits of a run on all rows in memory, shuffled in the same blocks."""

import itertools

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs.sampling import Block
from mbgd_rs.sources import Arrays, Chunk, Npy, Source

N, D = 1003, 7
SGD = mb.optimizers.SGD(learning_rate=0.1)


class Uneven(Source):
    """Rows in chunks of these lengths."""

    def __init__(self, X, y, lengths, sample_weight=None):
        self.X, self.y, self.s = X, y, sample_weight
        self.chunk_rows = tuple(lengths)
        self.n_columns = X.shape[1]
        self.dtype = X.dtype
        self.is_sparse = sp.issparse(X)
        self.has_weights = sample_weight is not None
        self.starts = [0, *itertools.accumulate(lengths)]
        self.n_reads = [0] * len(lengths)

    def read(self, chunk, out=None):
        self.n_reads[chunk] += 1
        rows = slice(self.starts[chunk], self.starts[chunk + 1])
        if self.is_sparse:
            return Chunk(self.X[rows], self.y[rows], None if self.s is None else self.s[rows])
        X = self.room(chunk, out)
        X[:] = self.X[rows]
        return Chunk(X, self.y[rows], None if self.s is None else self.s[rows])


def data(dtype=np.float32, sparse=False, kind="binary", seed=0, columns=D):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, columns)).astype(dtype)
    if sparse:
        X[rng.random(X.shape) < 0.8] = 0
    scores = X @ rng.standard_normal((columns, 3)) + rng.standard_normal((N, 3))
    y = {
        "binary": np.where(scores[:, 0] > 0, "yes", "no"),
        "classes": np.array(["a", "c", "b"])[scores.argmax(axis=1)],
        "labels": scores > 0,
        "numbers": scores[:, 0],
        "outputs": scores,
        "counts": np.floor(np.exp(np.clip(scores[:, 0] / 3, -2, 2))),
    }[kind]
    return (sp.csr_matrix(X) if sparse else X), y


def assert_same(one, other):
    """To the bit, with what was recorded and what is remembered."""
    for name, block in one.params.items():
        blocks = (
            zip(block, other.params[name], strict=True)
            if isinstance(block, list | tuple)
            else [(block, other.params[name])]
        )
        for a, b in blocks:
            np.testing.assert_array_equal(a, b)
    assert (one.n_steps, one.n_epochs, one.stop_reason) == (other.n_steps, other.n_epochs, other.stop_reason)
    for name in (
        "epoch_loss",
        "step_loss",
        "gradient_norm",
        "learning_rate",
        "batch_size",
        "validation_loss",
    ):
        np.testing.assert_array_equal(getattr(one.history, name), getattr(other.history, name))
    for slot, expected in zip(one.state["memory"], other.state["memory"], strict=True):
        np.testing.assert_array_equal(slot, expected)


OPTIONS = {
    "sgd": {"optimizer": SGD},
    "momentum": {"optimizer": mb.optimizers.SGD(learning_rate=0.05, momentum=0.9), "penalty": "l2"},
    "adam": {"optimizer": "adam", "average": "polyak"},
    "accumulate": {"optimizer": "adagrad", "accumulate": 3, "clip_norm": 1.0},
    "drop_last": {"optimizer": "adam", "drop_last": True, "penalty": "l1"},
    "schedule_free": {"optimizer": "schedule_free_sgd", "record": "step"},
    "noise": {"optimizer": "adam", "record": ["noise", "path"]},
    "once over": {"optimizer": SGD, "shuffle": False},
    "growing": {"optimizer": SGD, "batch_size": mb.batch_sizes.Growing(8, factor=3.0)},
    "schedule": {"optimizer": mb.optimizers.SGD(learning_rate=mb.schedules.Plateau(0.3))},
    "mlp": {"model": mb.models.MLP((5, 3), dropout=0.2), "optimizer": "adam"},
    "fm": {"model": mb.models.FactorizationMachine(rank=2), "optimizer": "adagrad"},
}


@pytest.mark.parametrize("batch_size", [1, 7, 64, 100, 333])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_run_on_windows_is_that_on_all_rows(options, batch_size):
    X, y = data()
    given = {
        "loss": "log_loss",
        "batch_size": batch_size,
        "epochs": 3,
        "shuffle": Block(window=3),
        **OPTIONS[options],
    }
    on_windows = mb.fit(Arrays(X, y, rows=100), **given)
    in_memory = mb.fit(X, y, **{**given, "shuffle": on_windows.arguments["shuffle"]})
    assert_same(on_windows, in_memory)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("kind", ["binary", "classes", "labels", "numbers", "outputs", "counts"])
def test_kinds_of_targets_and_rows(dtype, sparse, kind):
    X, y = data(dtype, sparse, kind)
    losses = {"numbers": "huber", "outputs": "squared_error", "counts": "poisson"}
    rng = np.random.default_rng(1)
    s = rng.integers(0, 4, N).astype(np.float64)
    given = {"loss": losses.get(kind, "log_loss"), "optimizer": "adam", "batch_size": 40, "epochs": 2}
    lengths = [200, 1, 350, 97, 3, 302, 50]
    on_windows = mb.fit(Uneven(X, y, lengths, s), shuffle=Block(window=2), **given)
    assert on_windows.arguments["shuffle"] == Block(rows=lengths, window=2)
    in_memory = mb.fit(X, y, sample_weight=s, shuffle=Block(lengths, 2), **given)
    assert_same(on_windows, in_memory)
    assert on_windows.classes is None or (on_windows.classes == in_memory.classes).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "by_class", [None, {"no": 1e-30, "yes": 1.0}, "balanced"], ids=["none", "dict", "balanced"]
)
@pytest.mark.parametrize("size", [1.0, 1e-200, 1e200])
def test_weights_of_any_size_are_those_of_all_rows(size, by_class, dtype):
    X, y = data(dtype, kind="numbers" if by_class is None else "binary")
    how = {"loss": "huber" if by_class is None else "log_loss", "class_weight": by_class, "optimizer": "adam"}
    lengths = [200, 1, 350, 97, 3, 302, 50]
    for weight in (
        np.exp(-np.arange(N) / 5),
        np.exp((np.arange(N) - N) / 5),
    ):  # of which chunks have tiny ones
        s = np.ldexp(weight, int(np.log2(size)))
        on_windows = mb.fit(Uneven(X, y, lengths, s), shuffle=Block(window=2), batch_size=40, epochs=2, **how)
        in_memory = mb.fit(X, y, sample_weight=s, shuffle=Block(lengths, 2), batch_size=40, epochs=2, **how)
        if by_class == "balanced":  # which are of sums, of weights in single precision there
            np.testing.assert_allclose(on_windows.coef, in_memory.coef, rtol=1e-4)
        else:
            assert_same(on_windows, in_memory)


@pytest.mark.parametrize("lengths", [[500, 503], [300, 300, 403], [1, 1002], [334, 334, 335]])
def test_the_last_chunk_may_be_the_longest(lengths):
    X, y = data(kind="numbers")
    how = {"optimizer": "adam", "batch_size": 64, "epochs": 2}
    on_windows = mb.fit(Uneven(X, y, lengths), shuffle=Block(window=1), **how)
    assert_same(on_windows, mb.fit(X, y, shuffle=Block(lengths, 1), **how))


@pytest.mark.parametrize("n_steps", [1, 2, 3, 100])
@pytest.mark.parametrize("batch_size", [250, 600, 1000, 1003])
def test_windows_may_have_only_rows_that_are_left_out(batch_size, n_steps):
    X, y = data(kind="numbers")
    how = {"optimizer": "adam", "batch_size": batch_size, "drop_last": True, "epochs": 3}
    source = Arrays(X, y, rows=100)
    until = {"stop": mb.stopping.MaxSteps(n_steps)}
    begun = mb.fit(source, shuffle=Block(window=2), **how, **until)
    on_windows = mb.fit(source, **{**how, "epochs": 3 - begun.n_epochs}, resume=begun)
    in_memory = mb.fit(X, y, shuffle=on_windows.arguments["shuffle"], **how)
    np.testing.assert_array_equal(on_windows.coef, in_memory.coef)
    assert on_windows.n_steps == in_memory.n_steps


@pytest.mark.parametrize("model", ["linear", "factorization_machine", "mlp"])
@pytest.mark.parametrize(
    "optimizer", ["adam", "adagrad", "ftrl", SGD, mb.optimizers.SGD(0.05, momentum=0.9)], ids=str
)
def test_wide_sparse_rows_are_updated_lazily_over_windows(model, optimizer):
    rng = np.random.default_rng(3)
    X = sp.random(N, 5000, density=0.001, random_state=3, format="csr", dtype=np.float32)
    y = rng.standard_normal(N)
    given = {"model": model, "optimizer": optimizer, "batch_size": 16, "epochs": 2, "penalty": "l2"}
    on_windows = mb.fit(Arrays(X, y, rows=64), shuffle=Block(window=4), **given)
    in_memory = mb.fit(X, y, shuffle=on_windows.arguments["shuffle"], **given)
    assert_same(on_windows, in_memory)


@pytest.mark.parametrize("class_weight", ["balanced", {"a": 2.0, "b": 0.5}])
def test_weights_of_classes_are_those_of_all_rows(class_weight):
    X, y = data(kind="classes")
    given = {"loss": "log_loss", "optimizer": "adam", "epochs": 2, "class_weight": class_weight}
    on_windows = mb.fit(Arrays(X, y, rows=90), shuffle=Block(window=2), **given)
    assert_same(on_windows, mb.fit(X, y, shuffle=Block(90, 2), batch_size=on_windows.batch_size, **given))


@pytest.mark.parametrize("n_threads", [1, 2, 3, 7])
def test_bits_do_not_depend_on_threads(n_threads):
    X, y = data(columns=60)
    source = Arrays(X, y, rows=300)
    given = {
        "loss": "log_loss",
        "optimizer": "adam",
        "batch_size": 256,
        "epochs": 2,
        "shuffle": Block(window=2),
    }
    assert_same(mb.fit(source, n_threads=n_threads, **given), mb.fit(source, n_threads=1, **given))


@pytest.mark.parametrize("n_steps", [1, 3, 5, 10, 11, 12, 21, 25])
@pytest.mark.parametrize("options", ["sgd", "adam", "mlp", "accumulate"])
def test_a_run_that_ended_anywhere_is_resumed_to_the_bit(n_steps, options):
    X, y = data()
    source = Arrays(X, y, rows=100)
    given = {
        "loss": "log_loss",
        "batch_size": 90,
        "shuffle": Block(window=3),
        "record": "step",
        **OPTIONS[options],
    }
    whole = mb.fit(source, epochs=4, **given)
    part = mb.fit(source, epochs=4, stop=mb.stopping.MaxSteps(n_steps), **given)
    if part.n_steps == whole.n_steps:
        return
    assert part.n_steps == n_steps
    assert part.stop_reason == "max_steps"
    rest = mb.fit(source, epochs=4 - part.n_epochs, resume=part, **given)
    assert_same(rest, whole)
    in_memory = mb.fit(X, y, epochs=4 - part.n_epochs, resume=part, **{**given, "shuffle": Block(100, 3)})
    assert_same(in_memory, whole)


def test_a_run_in_memory_goes_on_with_a_source():
    X, y = data()
    given = {"loss": "log_loss", "optimizer": "adam", "batch_size": 64, "shuffle": Block(100, 3)}
    begun = mb.fit(X, y, epochs=2, stop=mb.stopping.MaxSteps(20), **given)
    on = mb.fit(Arrays(X, y, rows=100), epochs=2, resume=begun, **given)
    assert_same(on, mb.fit(X, y, epochs=3, **given))


def test_rules_and_validation_see_epochs():
    X, y = data()
    kept_X, kept_y = data(seed=5)
    rule = mb.stopping.NoImprovement(monitor="validation_loss", patience=2, tol=1e-3, restore_best=True)
    given = {
        "loss": "log_loss",
        "optimizer": mb.optimizers.SGD(learning_rate=1.0),
        "batch_size": 50,
        "epochs": 30,
        "stop": rule,
        "validation": (kept_X, kept_y),
        "metrics": "accuracy",
        "seed": 3,
    }
    seen = []
    on_windows = mb.fit(
        Arrays(X, y, rows=100),
        shuffle=Block(window=3),
        callback=lambda p: seen.append((p.epoch, p.loss)),
        **given,
    )
    in_memory = mb.fit(X, y, shuffle=Block(100, 3), **given)
    assert_same(on_windows, in_memory)
    assert on_windows.stop_reason == "no_improvement"
    assert on_windows.best_epoch == in_memory.best_epoch
    assert [loss for _, loss in seen] == on_windows.history.epoch_loss.tolist()
    np.testing.assert_array_equal(
        on_windows.history.metrics["accuracy"], in_memory.history.metrics["accuracy"]
    )


def test_steps_are_told_in_all_windows():
    X, y = data()

    class Steps:
        every_steps = 5

        def __init__(self):
            self.seen = []

        def on_step(self, progress):
            self.seen.append((progress.n_steps, progress.loss))

    on_windows, in_memory = Steps(), Steps()
    given = {"loss": "log_loss", "optimizer": "adam", "batch_size": 30, "epochs": 2}
    mb.fit(Arrays(X, y, rows=100), shuffle=Block(window=3), callback=on_windows, **given)
    mb.fit(X, y, shuffle=Block(100, 3), callback=in_memory, **given)
    assert on_windows.seen == in_memory.seen
    assert len(on_windows.seen) == 2 * 34 // 5


def test_every_chunk_is_read_once_an_epoch():
    X, y = data()
    source = Uneven(X, y, [100] * 10 + [3])
    mb.fit(
        source, loss="log_loss", classes=["no", "yes"], optimizer="adam", shuffle=Block(window=3), epochs=5
    )
    assert source.n_reads == [6] + [5] * 10  # the first one also before all
    in_one = Uneven(X, y, [100] * 10 + [3])
    mb.fit(
        in_one, loss="log_loss", classes=["no", "yes"], optimizer="adam", shuffle=Block(window=11), epochs=5
    )
    assert in_one.n_reads == [2] + [1] * 10


@pytest.mark.parametrize("lengths", [[1], [1, 1], [2, 1], [1, 5, 1]])
def test_few_rows(lengths):
    n = sum(lengths)
    X = np.arange(2.0 * n).reshape(n, 2)
    y = np.arange(float(n))
    for batch_size in (1, 2, "full", 100):
        given = {"optimizer": mb.optimizers.SGD(learning_rate=0.01), "batch_size": batch_size, "epochs": 3}
        on_windows = mb.fit(Uneven(X, y, lengths), shuffle=Block(window=1), **given)
        assert_same(on_windows, mb.fit(X, y, shuffle=Block(lengths, 1), **given))


def test_the_default_window_is_as_large_as_memory_allows_where_chunks_differ():
    rng = np.random.default_rng(0)
    n, rows = 64_000, 500
    X = rng.standard_normal((n, 3))
    y = X @ [1.0, 2.0, 3.0] + rng.standard_normal(n)
    given = {"batch_size": 32, "epochs": 1}
    mixed = mb.fit(Arrays(X, y, rows=rows), **given)
    order = np.argsort(y)
    is_sorted = mb.fit(Arrays(X[order], y[order], rows=rows), **given)
    assert mixed.arguments["shuffle"] == Block(rows, 8)
    assert is_sorted.arguments["shuffle"] == Block(rows, 128)
    limited = mb.fit(Arrays(X[order], y[order], rows=rows), memory_limit=10 * rows * 2 * 60, **given)
    assert limited.arguments["shuffle"] == Block(rows, 9)


def test_memory_for_fewer_chunks_makes_smaller_windows():
    X, y = data(kind="numbers")
    source = Arrays(X, y, rows=10)
    of_row = 2 * (D * 4 + 2 * 4 + 20)
    small = mb.fit(source, batch_size=5, epochs=1, memory_limit=of_row * 34)
    assert small.arguments["shuffle"] == Block(10, 3)
    with pytest.raises(ValueError, match=f"memory_limit must be >= {of_row * 14} bytes.*got 100"):
        mb.fit(source, batch_size=5, epochs=1, memory_limit=100)
    with pytest.raises(ValueError, match=r"memory_limit must be >= .* 5 chunk.* got 5000"):
        mb.fit(source, batch_size=5, epochs=1, shuffle=Block(window=5), memory_limit=5000)
    with pytest.raises(ValueError, match="memory_limit must be None where X is in memory, got 1000"):
        mb.fit(X, y, memory_limit=1000)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"y": [1.0]}, "y must be None where X is a source: a source has its own, got list"),
        ({"sample_weight": [1.0]}, "sample_weight must be None where X is a source"),
        ({"offset": [1.0]}, "offset must be None where X is a source"),
        ({"replacement": True}, "replacement must be False where X is a source"),
        ({"optimizer": "saga"}, "optimizer must be one with a learning rate of its own .*got SAGA"),
        ({"optimizer": "svrg"}, "got SVRG"),
        ({"optimizer": mb.optimizers.SGD(learning_rate="auto")}, "got SGD"),
        ({"optimizer": mb.optimizers.SGD(preconditioner="diagonal")}, "got SGD"),
        ({"shuffle": "full"}, r"shuffle must be 'block', Block\(window=...\) or False .*got 'full'"),
        ({"shuffle": "once"}, "got 'once'"),
        ({"shuffle": "stratified"}, "got 'stratified'"),
        (
            {"shuffle": Block(rows=7)},
            "shuffle.rows must be None or those of the chunks of the source, 100, got 7",
        ),
        ({"record": "full_loss"}, "record must not have 'full_loss' where X is a source"),
        ({"validation": 0.1}, "validation must be rows of its own where X is a source, got 0.1"),
        ({"metrics": "r2"}, "metrics need validation rows in memory where X is a source, got None"),
        ({"batch_size": mb.batch_sizes.NormTest(8)}, "batch_size must not be a NormTest where X is a source"),
        ({"memory_limit": 0}, "memory_limit must be >= 1, got 0"),
        ({"class_weight": "balanced"}, "class_weight needs a loss of classes"),
    ],
    ids=str,
)
def test_what_a_source_cannot_have_is_refused_by_name(given, message):
    X, y = data(kind="numbers")
    with pytest.raises(ValueError, match=message):
        mb.fit(Arrays(X, y, rows=100), **{"epochs": 1, **given})


def test_what_is_wrong_is_said_with_its_place_and_nothing_is_lost():
    X, y = data(kind="numbers")
    X[742, 3] = np.nan
    source = Arrays(X, y, rows=100)
    with pytest.raises(ValueError, match=r"X must be finite, got nan in column 3 at .*742") as raised:
        mb.fit(source, epochs=2, shuffle=False, memory_limit=30_000, optimizer=SGD, batch_size=10)
    begun = raised.value.result
    assert begun.stop_reason == "interrupted"
    assert begun.n_steps > 0
    X[742, 3] = 1.0
    given = {"shuffle": begun.arguments["shuffle"], "optimizer": SGD, "batch_size": 10}
    whole = mb.fit(Arrays(X, y, rows=100), epochs=2, **given)
    assert_same(mb.fit(Arrays(X, y, rows=100), epochs=2, resume=begun, **given), whole)


def test_labels_unseen_are_refused_with_their_place():
    X, y = data()
    y = y.astype(object)
    y[501] = "perhaps"
    source = Arrays(X, y, rows=100)
    with pytest.raises(ValueError, match=r"'perhaps' at .*501"):
        mb.fit(source, loss="log_loss", classes=["no", "yes"], epochs=1)
    y[501] = "no"
    y = y.astype(str)
    numbers = np.where(y == "yes", 1.0, 0.0)
    numbers[77] = np.inf
    with pytest.raises(ValueError, match=r"inf at .*77"):
        mb.fit(Arrays(X, numbers, rows=50), epochs=1)


def test_an_exception_of_the_source_ends_the_run_with_what_there_is():
    X, y = data(kind="numbers")

    class Failing(Uneven):
        def read(self, chunk, out=None):
            if sum(self.n_reads) > 55:
                raise OSError("the disk is gone")
            return super().read(chunk, out)

    source = Failing(X, y, [100] * 10 + [3])
    with pytest.raises(OSError, match="the disk is gone") as raised:
        mb.fit(source, epochs=10, shuffle=Block(window=2), optimizer=SGD)
    assert raised.value.result.n_steps > 0


def test_a_run_that_diverges_says_so():
    X, y = data(kind="numbers")
    with pytest.raises(mb.DivergenceError) as raised:
        mb.fit(
            Arrays(X, y, rows=100), epochs=50, optimizer=mb.optimizers.SGD(learning_rate=1e10), batch_size=10
        )
    assert np.isfinite(raised.value.result.coef).all()


def test_no_epochs_and_no_second_run():
    X, y = data()
    source = Arrays(X, y, rows=100)
    nothing = mb.fit(source, loss="log_loss", epochs=0)
    assert nothing.n_steps == 0
    assert not nothing.coef.any()
    one = mb.fit(source, loss="log_loss", epochs=1)
    assert_same(mb.fit(source, loss="log_loss", epochs=0, resume=one), one)
    two = mb.fit(source, loss="log_loss", epochs=1, resume=one)
    assert_same(two, mb.fit(source, loss="log_loss", epochs=2))
    with pytest.raises(ValueError, match="resume must be a run with n_rows=1003"):
        mb.fit(
            source,
            loss="log_loss",
            epochs=1,
            resume=mb.fit(
                Arrays(X[:900], y[:900], rows=100),
                loss="log_loss",
                epochs=1,
                batch_size=64,
                stop=mb.stopping.MaxSteps(2),
            ),
        )


def test_defaults_learn():
    X, y = data(kind="classes")
    result = mb.fit(Arrays(X, y, rows=100), loss="log_loss", epochs=100)
    assert result.solver.optimizer == "adagrad"
    assert "source" in result.solver.reason
    assert (result.predict(X) == y).mean() > 0.6
    assert result.history.epoch_loss[-1] < result.history.epoch_loss[0]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("options", [{}, {"class_weight": "balanced"}, {"model": "mlp"}], ids=str)
def test_a_second_source_judges_the_model(sparse, options):
    X, y = data(sparse=sparse)
    kept_X, kept_y = data(sparse=sparse, seed=0)
    s = np.random.default_rng(2).random(N).astype(np.float32)
    judging = Uneven(kept_X, kept_y, [500, 3, 500], s)
    given = {"loss": "log_loss", "optimizer": "adam", "batch_size": 50, "epochs": 4, **options}
    told = []
    judged = mb.fit(
        Arrays(X, y, rows=100), validation=judging, callback=lambda p: told.append(p.validation_loss), **given
    )
    in_memory = mb.fit(Arrays(X, y, rows=100), validation=(kept_X, kept_y, s), **given)
    np.testing.assert_array_equal(judged.history.epoch_loss, in_memory.history.epoch_loss)
    np.testing.assert_allclose(judged.history.validation_loss, in_memory.history.validation_loss, rtol=1e-5)
    assert told == judged.history.validation_loss.tolist()


def test_rules_monitor_the_loss_on_a_second_source():
    X, y = data(kind="numbers")
    kept_X, kept_y = data(kind="numbers", seed=7)
    rule = mb.stopping.NoImprovement(monitor="validation_loss", patience=2, tol=1e-3, restore_best=True)
    given = {"optimizer": mb.optimizers.SGD(learning_rate=0.3), "batch_size": 20, "epochs": 40, "stop": rule}
    judged = mb.fit(Arrays(X, y, rows=100), validation=Arrays(kept_X, kept_y, rows=77), **given)
    in_memory = mb.fit(Arrays(X, y, rows=100), validation=(kept_X, kept_y), **given)
    assert judged.stop_reason == "no_improvement"
    assert judged.best_epoch == in_memory.best_epoch
    np.testing.assert_array_equal(judged.coef, in_memory.coef)
    with pytest.raises(ValueError, match=r"validation must be a source of 7 columns .* got one of 6"):
        mb.fit(Arrays(X, y), validation=Arrays(kept_X[:, :6], kept_y), epochs=1)
    with pytest.raises(ValueError, match=r"metrics need validation rows in memory .* got a source"):
        mb.fit(Arrays(X, y), validation=Arrays(kept_X, kept_y), metrics="r2", epochs=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["mixed", "sorted", "reversed"])
@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "c", "bb"]], ids=len)
def test_balanced_classes_and_weights_of_rows_have_the_bits_of_memory(labels, order, dtype):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.random((33, 3)).astype(dtype) - dtype(0.5)
        y = np.array(labels)[rng.integers(0, len(labels), 33)]
        y = {"mixed": y, "sorted": np.sort(y), "reversed": np.sort(y)[::-1].copy()}[order]
        s = rng.random(33) * (1e200 if seed == 1 and dtype is np.float64 else 1)
        given = {"loss": "log_loss", "class_weight": "balanced", "optimizer": "adam", "epochs": 1}
        on_source = mb.fit(Arrays(X, y, s, rows=3), **given)
        sampling = {"shuffle": on_source.arguments["shuffle"], "batch_size": on_source.batch_size}
        assert_same(on_source, mb.fit(X, y, sample_weight=s, **sampling, **given))


@pytest.mark.parametrize("class_weight", [3, True, [1, 2], False, 0, [], "equal"], ids=repr)
def test_a_class_weight_of_another_kind_is_refused_as_in_memory(class_weight):
    X, y = data()
    said = []
    for rows in ((Arrays(X, y, rows=100),), (X, y)):
        with pytest.raises(
            (TypeError, ValueError), match="class_weight must be a dict, 'balanced' or"
        ) as error:
            mb.fit(*rows, loss="log_loss", class_weight=class_weight, epochs=1)
        said.append((error.type, str(error.value)))
    assert said[0] == said[1]


@pytest.mark.parametrize("loss", ["log_loss", "hinge", "squared_error"])
def test_targets_must_be_given(loss, tmp_path):
    X, _ = data()
    np.save(tmp_path / "X.npy", X)
    for source in (Arrays(X, None, rows=100), Npy(tmp_path / "X.npy", rows=100)):
        with pytest.raises(ValueError, match="y must be given for"):
            mb.fit(source, loss=loss, epochs=1)
    judging = Arrays(X, None, rows=100)
    with pytest.raises(
        ValueError, match=r"validation: y must be given for loss 'log_loss', got None at row 0"
    ):
        mb.fit(Arrays(*data(), rows=100), loss="log_loss", epochs=1, validation=judging)


def test_errors_about_a_second_source_say_that_it_is_the_validation():
    X, y = data()
    other = y.copy()
    other[501] = "no!"
    for validation in ((X, other), Arrays(X, other, rows=100)):
        with pytest.raises(ValueError, match=r"^validation: y must have labels among .* at row 501"):
            mb.fit(Arrays(X, y, rows=100), loss="log_loss", epochs=1, validation=validation)
    wrong = X.copy()
    wrong[501, 2] = np.nan
    with pytest.raises(ValueError, match=r"^validation: X must be finite, got nan in column 2 at row 501"):
        mb.fit(Arrays(X, y, rows=100), loss="log_loss", epochs=1, validation=Arrays(wrong, y, rows=100))
    with pytest.raises(TypeError, match="validation may be a source only where X is one, got Arrays"):
        mb.fit(X, y, loss="log_loss", epochs=1, validation=Arrays(X, y, rows=100))


def test_targets_that_look_like_labels_are_warned_of():
    X, y = data()
    source = Arrays(X, y == "yes", rows=500)
    with pytest.warns(UserWarning, match="y is of bools and loss was not given"):
        begun = mb.fit(source, epochs=1)
    with pytest.warns(UserWarning, match="y has the values 0, 1 only and loss was not given"):
        mb.fit(Arrays(X, (y == "yes").astype(int), rows=500), epochs=1)
    mb.fit(source, epochs=1, loss="squared_error")
    mb.fit(source, **{**begun.arguments, "epochs": 2}, resume=begun)
