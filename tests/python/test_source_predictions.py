"""Predictions for a source: those for all rows in memory."""

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs.sources import Arrays, Chunk, Source
from source_cases import dense

RNG = np.random.default_rng(0)
X = RNG.standard_normal((500, 4)).astype(np.float32)
SCORES = X @ RNG.standard_normal((4, 3)).astype(np.float32)
TARGETS = {
    "binary": (np.where(SCORES[:, 0] > 0, "yes", "no"), "log_loss"),
    "classes": (np.array(["a", "bb", "c"])[SCORES.argmax(axis=1)], "log_loss"),
    "labels": (SCORES > 0, "log_loss"),
    "numbers": (SCORES[:, 0], "squared_error"),
    "outputs": (SCORES, "squared_error"),
    "counts": (np.floor(np.exp(SCORES[:, 0] / 3)), "poisson"),
}


class Watched(Source):
    """Counts the chunks whose rows somebody still has."""

    def __init__(self, n_chunks):
        self.chunk_rows = (50,) * n_chunks
        self.n_columns, self.dtype = 4, np.dtype(np.float32)
        self.alive = self.most = 0

    def read(self, chunk, out=None):
        rows = self.room(chunk, out).view(Counted)
        rows[:] = X[50 * chunk : 50 * chunk + 50]
        rows.source = self
        self.alive += 1
        self.most = max(self.most, self.alive)
        return Chunk(rows, None)


class Counted(np.ndarray):
    """Rows that tell their source when they are gone."""

    source = None

    def __del__(self):
        if self.source is not None:
            self.source.alive -= 1


@pytest.mark.parametrize("model", ["linear", "mlp"])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", TARGETS)
def test_predictions_are_those_of_memory(kind, sparse, model):
    y, loss = TARGETS[kind]
    rows = sp.csr_matrix(X) if sparse else X
    result = mb.fit(rows, y, loss=loss, model=model, optimizer="adam", epochs=2)
    names = ["predict", "decision_function", *(["predict_proba"] if loss == "log_loss" else [])]
    for name in names:
        say = getattr(result, name)
        expected = say(rows)
        for source in (Arrays(rows, None, rows=64), Arrays(rows, y, rows=499), Arrays(rows, None, rows=500)):
            got = say(source)
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected)


def test_rows_are_taken_on_the_type_of_the_model():
    result = mb.fit(X, SCORES[:, 0], optimizer="adam", epochs=1)
    wide = X.astype(np.float64)
    np.testing.assert_array_equal(result.predict(Arrays(wide, None, rows=64)), result.predict(wide))


def test_no_two_chunks_are_in_memory():
    result = mb.fit(X, SCORES[:, 0], optimizer="adam", epochs=1)
    source = Watched(10)
    assert len(result.predict(source)) == 500
    assert (source.most, source.alive) == (1, 0)


def test_what_a_source_cannot_be_is_refused():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    result = mb.fit(frame, SCORES[:, 0], optimizer="adam", epochs=1)
    wrong = X.copy()
    wrong[70, 1] = np.inf
    with pytest.raises(ValueError, match="X must be finite, got inf in column 1 at row 70"):
        result.predict(Arrays(wrong, None, rows=64))
    with pytest.raises(ValueError, match="X must be a source of 4 columns, as in fit, got 3"):
        result.predict(Arrays(X[:, :3], None))
    with pytest.raises(ValueError, match="columns of fit, in its order, got no 'd', and 'e' more"):
        result.predict(Arrays(frame.rename(columns={"d": "e"}), None))
    with pytest.raises(ValueError, match="columns of fit, in its order, got them in another order"):
        result.predict(Arrays(frame[list("abdc")], None))
    with pytest.raises(ValueError, match="offset must be None where X is a source, got ndarray"):
        result.predict(Arrays(frame, None), offset=np.ones(500))
    with pytest.raises(ValueError, match="predict_proba needs loss 'log_loss'"):
        result.predict_proba(Arrays(frame, None))


def test_a_file_of_parquet_with_the_categories_of_training(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    city = np.array(["Rome", "Paris", "Lima"])[np.arange(500) % 3]
    paid = pa.array(X[:, 0] > 0)
    pq.write_table(pa.table({"age": X[:, 0], "city": city, "paid": paid}), tmp_path / "a.parquet")
    source = mb.sources.Parquet(tmp_path / "a.parquet", target="paid", categories="auto")
    assert source.categories == {"city": ["Lima", "Paris", "Rome"]}
    result = mb.fit(source, loss="log_loss", optimizer="adam", epochs=2)
    few = pa.table({"age": X[:4, 0], "city": ["Rome", "Rome", "Lima", "Rome"]})
    pq.write_table(few, tmp_path / "b.parquet", row_group_size=3)
    new = mb.sources.Parquet(tmp_path / "b.parquet", target=None, categories=source.categories)
    together = np.concatenate([dense(new.read(chunk).X) for chunk in range(new.n_chunks)])
    np.testing.assert_array_equal(result.predict(new), result.predict(together))
    other = mb.sources.Parquet(tmp_path / "b.parquet", target=None, categories="auto")
    with pytest.raises(ValueError, match="got no 'city=Paris'"):
        result.predict(other)
