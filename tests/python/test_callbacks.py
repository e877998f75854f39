"""Callbacks that are ready, several at once, and lines of text."""

import io
import sys
from contextlib import contextmanager

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.callbacks import Callback, LogDict, MLflow, OptunaPruning, PrintEpochs, TensorBoard, Tqdm

RNG = np.random.default_rng(1)
X = RNG.normal(size=(120, 4))
Y = X[:, 0] + 0.5 * RNG.normal(size=120) > 0
HOW = {
    "loss": "log_loss",
    "optimizer": mb.optimizers.SGD(0.1),
    "batch_size": 16,
    "validation": 0.25,
    "metrics": {"accuracy": lambda y, z: (y == z).mean(), "<lambda>": lambda y, z: z.mean()},
}


def fit(epochs=4, **options):
    return mb.fit(X, Y, **{**HOW, **options}, epochs=epochs)


def minimize(**options):
    def squared_error(w, X_b, y_b):
        r = X_b @ w - y_b
        return float(r @ r) / (2 * len(r)), X_b.T @ r / len(r)

    return mb.minimize(squared_error, np.zeros(4), X, Y.astype(float), epochs=3, validation=0.25, **options)


class Diary(Callback):
    def __init__(self):
        self.pages = []

    @contextmanager
    def running(self, n_epochs):
        self.pages.append(f"at most {n_epochs}")
        try:
            yield
        except BaseException as error:
            self.pages.append(type(error).__name__)
            raise
        finally:
            self.pages.append("end")

    def __call__(self, progress):
        self.pages.append(progress.epoch)


# ---- several, and their beginnings and ends


def test_all_callbacks_are_told_and_any_may_end_the_run():
    seen = {name: [] for name in "abc"}
    callbacks = [
        lambda p: seen["a"].append(p.epoch),
        lambda p: seen["b"].append(p.epoch) or p.epoch == 2,
        lambda p: seen["c"].append(p.epoch),
    ]
    for given in (callbacks, tuple(callbacks)):
        assert fit(callback=given).stop_reason == "callback"
    assert seen == {name: [1, 2, 1, 2] for name in "abc"}
    ended = minimize(callback=[lambda p: True, seen["a"].append])
    assert (ended.n_epochs, len(seen["a"])) == (1, 5)
    np.testing.assert_array_equal(fit(callback=[]).coef, fit().coef)


@pytest.mark.parametrize("callback", ["print", 3, [print, None], {"a": print}, [[print]]], ids=str)
def test_what_is_no_callback_is_refused(callback):
    with pytest.raises(TypeError, match="callback must be callable or have a method on_step, got"):
        fit(callback=callback)


def test_a_callback_knows_when_a_run_begins_and_ends():
    diary = Diary()
    fit(epochs=2, callback=diary)
    minimize(callback=[diary, lambda p: p.epoch == 1])
    assert diary.pages == ["at most 2", 1, 2, "end", "at most 3", 1, "end"]


def test_each_is_told_of_the_steps_it_wants():
    class Steps:
        def __init__(self, every, wants_params=False):
            self.every_steps, self.wants_params, self.seen = every, wants_params, []

        def on_step(self, progress):
            self.seen.append(progress.n_steps)
            return progress.n_steps == 9

    diary, few, many = Diary(), Steps(6, wants_params=True), Steps(9)
    run = fit(callback=[few, diary, many])
    assert (few.seen, many.seen, diary.pages) == ([6], [9], ["at most 4", 1, "end"])
    assert (run.n_steps, run.stop_reason) == (9, "callback")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_exception_passes_all_that_were_opened(error):
    def refuse(progress):
        raise error

    diaries = [Diary(), Diary()]
    for run in (fit, minimize):
        with pytest.raises(error) as caught:
            run(callback=[*diaries, refuse])
        assert caught.value.result.n_epochs == 1
    for diary in diaries:
        assert diary.pages == ["at most 4", 1, error.__name__, "end", "at most 3", 1, error.__name__, "end"]


def test_a_run_that_diverges_is_no_success():
    diary = Diary()
    with pytest.raises(mb.DivergenceError):
        mb.fit(1e6 * X, X[:, 1], optimizer=mb.optimizers.SGD(1e9), epochs=50, callback=diary)
    assert diary.pages[-2:] == ["DivergenceError", "end"]


# ---- those without another library


def test_log_dict():
    log = {}
    run = fit(callback=LogDict(log))
    assert log["epoch"] == [1, 2, 3, 4]
    assert log["n_steps"] == run.history.epoch_steps.tolist()
    assert log["elapsed"] == run.history.epoch_elapsed.tolist()
    assert log["loss"] == run.history.epoch_loss.tolist()
    assert log["validation_loss"] == run.history.validation_loss.tolist()
    assert log["accuracy"] == run.history.metrics["accuracy"].tolist()
    mb.fit(X, Y, resume=run, epochs=1, callback=LogDict(log), **HOW)
    assert log["epoch"] == [1, 2, 3, 4, 5]
    own = LogDict()
    minimize(callback=own)
    assert set(own.log) == {"epoch", "n_steps", "elapsed", "loss", "validation_loss"}
    with pytest.raises(TypeError, match="log must be a dict or None, got"):
        LogDict([])


def test_a_line_for_every_epoch(capsys):
    run = fit(epochs=2, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    loss, judged = run.history.epoch_loss[1], run.history.validation_loss[1]
    assert lines[1].startswith(f"epoch 2: loss {loss:.6g}, validation loss {judged:.6g}, accuracy ")
    assert lines[1].endswith(" s")
    for quiet in (0, False):
        fit(verbose=quiet)
    assert capsys.readouterr().out == ""
    for loud in (True, 2, np.int64(1)):
        minimize(verbose=loud)
        assert len(capsys.readouterr().out.splitlines()) == 3
    for bad in (-1, 0.5, "yes"):
        with pytest.raises((TypeError, ValueError), match="verbose must be"):
            fit(verbose=bad)
    file = io.StringIO()
    fit(epochs=1, callback=PrintEpochs(file))
    assert file.getvalue().startswith("epoch 1: loss ")


# ---- those with one


def test_tqdm(capsys):
    pytest.importorskip("tqdm")
    file = io.StringIO()
    fit(epochs=3, callback=[Tqdm(desc="training", file=file), lambda p: p.epoch == 2])
    shown = file.getvalue()
    assert "training" in shown
    assert "2/3" in shown
    assert "validation_loss=" in shown
    assert capsys.readouterr().err == ""


def test_optuna_pruning():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=2))
    pruned = []

    def objective(trial):
        rate = (0.5, 1e-6)[trial.number]
        try:
            run = fit(epochs=6, optimizer=mb.optimizers.SGD(rate), callback=OptunaPruning(trial))
        except optuna.TrialPruned as error:
            pruned.append(error.result)
            raise
        return run.history.validation_loss[-1]

    study.optimize(objective, n_trials=2)
    done, stopped = study.trials
    assert list(done.intermediate_values) == [1, 2, 3, 4, 5, 6]
    assert done.intermediate_values[6] == done.value
    assert stopped.state is optuna.trial.TrialState.PRUNED
    assert pruned[0].n_epochs == len(stopped.intermediate_values) < 6
    by_metric = optuna.create_study(direction="maximize")
    by_metric.optimize(lambda trial: fit(callback=OptunaPruning(trial, "accuracy")).n_epochs, n_trials=1)
    assert by_metric.trials[0].intermediate_values[1] <= 1
    trial = study.ask()
    with pytest.raises(ValueError, match=r"monitor must be one of 'loss', 'validation_loss', .* got 'auc'"):
        fit(callback=OptunaPruning(trial, "auc"))
    with pytest.raises(TypeError, match="trial must be a trial of Optuna, got 3"):
        OptunaPruning(3)


def test_tensorboard(tmp_path, monkeypatch):
    made = []

    class Writer:
        """Of either library."""

        def __init__(self, folder):
            self.folder, self.scalars, self.is_closed = folder, [], False
            made.append(self)

        def add_scalar(self, name, value, step):
            assert not self.is_closed
            self.scalars.append((name, value, step))

        def close(self):
            self.is_closed = True

    module = type(sys)("tensorboardX")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "tensorboardX", module)
    run = fit(epochs=2, callback=TensorBoard(tmp_path / "here"))
    (writer,) = made
    assert writer.is_closed
    assert writer.folder == str(tmp_path / "here")
    assert writer.scalars[:2] == [
        ("loss/training", run.history.epoch_loss[0], 1),
        ("loss/validation", run.history.validation_loss[0], 1),
    ]
    assert ("metrics/accuracy", run.history.metrics["accuracy"][1], 2) in writer.scalars
    assert len(writer.scalars) == 8
    run = fit(epochs=2, record="step", callback=TensorBoard(tmp_path, every_steps=4))
    losses = [(step, value) for name, value, step in made[1].scalars if name == "steps/loss"]
    assert losses == [(step, run.history.step_loss[step - 1]) for step in (4, 8, 12)]


def test_tensorboard_writes_files(tmp_path):
    pytest.importorskip("tensorboardX")
    fit(callback=TensorBoard(tmp_path))
    (events,) = tmp_path.iterdir()
    assert b"loss/training" in events.read_bytes()


def test_mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    client = mlflow.MlflowClient()

    def history(run, name):
        return [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, name)]

    def runs():
        return client.search_runs(["0"], order_by=["attributes.start_time"])

    result = fit(callback=MLflow(run_name="ours"))
    (run,) = runs()
    assert (run.info.run_name, run.info.status) == ("ours", "FINISHED")
    assert history(run, "loss") == list(enumerate(result.history.epoch_loss, 1))
    assert history(run, "validation_loss") == list(enumerate(result.history.validation_loss, 1))
    assert len(history(run, "_lambda_")) == 4
    with mlflow.start_run() as active:
        fit(epochs=1, callback=MLflow())
        assert mlflow.active_run().info.run_id == active.info.run_id
        assert len(history(active, "accuracy")) == 1
    with pytest.raises(ZeroDivisionError):
        fit(callback=[MLflow(run_name="broken"), lambda progress: 1 / 0])
    assert {run.info.run_name: run.info.status for run in runs()}["broken"] == "FAILED"
    assert mlflow.active_run() is None


@pytest.mark.parametrize(
    ("make", "modules", "message"),
    [
        (Tqdm, ["tqdm.auto"], "Tqdm needs tqdm: pip install 'mbgd_rs[progress]'"),
        (
            lambda: OptunaPruning(None),
            ["optuna"],
            "OptunaPruning needs optuna: pip install 'mbgd_rs[optuna]'",
        ),
        (MLflow, ["mlflow"], "MLflow needs mlflow: pip install 'mbgd_rs[mlflow]'"),
        (
            lambda: TensorBoard("somewhere"),
            ["tensorboardX", "torch.utils.tensorboard"],
            "TensorBoard needs tensorboardX: pip install 'mbgd_rs[tensorboard]'",
        ),
    ],
    ids=["tqdm", "optuna", "mlflow", "tensorboard"],
)
def test_what_is_missing_is_named_with_its_remedy(make, modules, message, monkeypatch):
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as caught:
        make()
    assert str(caught.value) == message
