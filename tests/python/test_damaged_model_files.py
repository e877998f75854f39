"""Model files that were damaged, or made up: each is refused with a ValueError, or is a model that predicts.

The checksum tells damage from what was written. Behind it stand the checks of every value, which files with a
right checksum and wrong content are for: `sealed` gives them one.
"""

import copy
import json
import random
import tracemalloc
from hashlib import sha256

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.model_file.container import FORMAT
from mbgd_rs.model_file.file import checked_model

RNG = np.random.default_rng(3)
X = RNG.standard_normal((40, 3))
LABELS = np.array(["no", "yes", "perhaps"])[np.arange(40) % 3]


def content_of(folder, result, *, state):
    result.save(folder / "whole", state=state)
    return (folder / "whole").read_bytes()


@pytest.fixture
def small(tmp_path):
    """Some two thousand bytes, without a state."""
    result = mb.fit(X, LABELS == "no", loss="log_loss", optimizer="adam", epochs=1)
    return content_of(tmp_path, result, state=False)


@pytest.fixture
def rich(tmp_path):
    """All that a file can have: units, solver, rules, noise, and a state in the middle of an epoch."""
    result = mb.fit(
        X, LABELS, loss="log_loss", optimizer=mb.optimizers.SAGA(preconditioner="nystrom"), standardize=True,
        batch_size=4, validation=0.25, record=("step", "noise"), epochs=4,
        shuffle=mb.sampling.Stratified(LABELS),
        stop=[mb.stopping.NoImprovement("validation_loss", restore_best=True), mb.stopping.MaxSteps(19)],
        metrics={"accuracy": lambda a, b: (a == b).mean()},
    )  # fmt: skip
    return content_of(tmp_path, result, state=True)


@pytest.fixture
def network(tmp_path):
    """A few layers, with their strengths in the arguments."""
    model = mb.models.MLP((2, 3), ("gelu", "tanh"), dropout=0.1)
    result = mb.fit(
        X,
        LABELS,
        loss="log_loss",
        model=model,
        optimizer=mb.optimizers.Adam(0.01),
        epochs=1,
        standardize=True,
    )
    return content_of(tmp_path, result, state=True)


@pytest.fixture
def machine(tmp_path):
    """A factorization machine of one output that has its axis."""
    result = mb.fit(X, X[:, :1], model=mb.models.FactorizationMachine(2), epochs=1)
    return content_of(tmp_path, result, state=False)


@pytest.fixture
def large(tmp_path):
    """More than a hundred thousand bytes."""
    rows = RNG.standard_normal((30, 1200))
    result = mb.fit(rows, LABELS[:30], loss="log_loss", optimizer="adam", epochs=1)
    return content_of(tmp_path, result, state=True)


class Judge:
    """What comes of the bytes of a file."""

    def __init__(self):
        self.n_loaded = self.n_refused = 0

    def __call__(self, content):
        try:
            loaded = mb.FitResult(**checked_model(content, "this file").result)
        except ValueError:
            self.n_refused += 1
            return None
        self.n_loaded += 1
        for block in loaded.params.values():
            assert all(np.isfinite(array).all() for array in (block if isinstance(block, list) else [block]))
        assert len(loaded.predict(np.ones((2, loaded.n_columns)))) == 2
        return loaded


def test_every_byte_changed_and_every_cut(small):
    judge, chance = Judge(), random.Random(0)
    assert len(small) < 4000
    for place in range(len(small)):
        is_now = small[place]
        for value in {*(is_now ^ (1 << bit) for bit in range(8)), chance.randrange(256), 255 - is_now} - {
            is_now
        }:
            judge(small[:place] + bytes([value]) + small[place + 1 :])
        judge(small[:place])
        judge(small[:place] + small[place + 1 :])
    judge(small + b"\0")
    assert judge.n_loaded == 0
    assert judge(small) is not None


def test_random_mutations_of_a_large_file(large):
    chance, judge = random.Random(0), Judge()
    n = len(large)
    header = 8 + int.from_bytes(large[:8], "little")
    assert n > 100_000
    for _ in range(10_000):
        content = bytearray(large)
        end = chance.choice((8, header, n))
        for _ in range(chance.choice((1, 1, 1, 2, 10))):
            first, length = chance.randrange(end), chance.choice((1, 1, 8, 100))
            match chance.randrange(6):
                case 0:
                    content[first : first + 1] = bytes([chance.randrange(256)])
                case 1:
                    content[first : first + length] = chance.randbytes(length)
                case 2:
                    del content[first : first + length]
                case 3:
                    content[first:first] = content[first : first + length]
                case 4:
                    del content[first:]
                case 5:
                    other = chance.randrange(n)
                    content[first : first + length] = content[other : other + length]
        if content != large:
            judge(bytes(content))
    assert judge.n_loaded == 0
    assert judge.n_refused > 9_900
    assert judge(large) is not None


def parts_of(content):
    """The header, the document in it, and the bytes of the tensors."""
    n = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + n])
    return header, json.loads(header["__metadata__"]["mbgd_rs"]), content[8 + n :]


def sealed(header, document, data):
    """A file of these, with the checksum that is right."""
    text = document if isinstance(document, str) else json.dumps(document)
    encoded = json.dumps({**header, "__metadata__": {"mbgd_rs": text}}).encode()
    encoded += b" " * (-len(encoded) % 8)
    start, stop = header["checksum"]["data_offsets"]
    content = len(encoded).to_bytes(8, "little") + encoded + data[:start] + bytes(stop - start) + data[stop:]
    start += 8 + len(encoded)
    return content[:start] + sha256(content).digest() + content[start + 32 :]


def places(value, path=()):
    """Every value in a document, and where it is."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def at(document, path):
    for key in path:
        document = document[key]
    return document


WRONG = [
    None, True, 0, -1, 2**70, 0.5, 1e999, "", "x", "nan", [], [1], {}, {"float": "nan"}, {"float": "0"},
    {"tuple": []}, {"dict": [[1, 2]]}, {"dict": [1]}, {"array": "coef"}, {"array": "none"},
    {"array": "classes", "of": "str"}, {"array": "state.params", "of": "datetime64[ns]"},
    {"array": "classes", "of": "V8"}, {"columns": []}, {"items": [1, "a"], "of": "object"},
    {"items": [1], "of": "StringDType"}, {"choice": ["Loss", "hinge"], "with": {}},
    {"choice": ["Loss", "huber"], "with": {"epsilon": -1}}, {"choice": ["Loss", "hinge"], "with": {"x": 1}},
    {"choice": ["Model", "mlp"], "with": {"hidden": {"tuple": [2**30] * 3}}}, {"tuple": [2, 3]},
    {"choice": ["Model", "linear"], "with": {}}, {"tuple": [10**6, 10**6]},
    {"choice": ["Model", "factorization_machine"], "with": {"rank": 2}},
    {"choice": ["Schedule", "Constant"], "with": {}}, {"choice": ["os", "system"], "with": {}},
]  # fmt: skip


@pytest.mark.parametrize("name", ["small", "rich", "network", "machine"])
def test_made_up_documents(name, request):
    """Every value of a document in turn replaced by others, left out, doubled, or exchanged with another."""
    header, document, data = parts_of(request.getfixturevalue(name))
    judge, chance = Judge(), random.Random(1)
    assert judge(sealed(header, document, data)) is not None
    everywhere = list(places(document))[1:]
    for *path, last in everywhere:
        wrong = WRONG if name == "small" else chance.sample(WRONG, 8)
        for value in [*wrong, at(document, chance.choice(everywhere))]:
            made = copy.deepcopy(document)
            at(made, path)[last] = copy.deepcopy(value)
            judge(sealed(header, made, data))
        made = copy.deepcopy(document)
        del at(made, path)[last]
        judge(sealed(header, made, data))
        made = copy.deepcopy(document)
        around = at(made, path)
        if isinstance(around, dict):
            around["other"] = around[last]
        else:
            around.append(copy.deepcopy(around[last]))
        judge(sealed(header, made, data))
    assert judge.n_refused > 4 * judge.n_loaded


@pytest.mark.parametrize("name", ["small", "rich", "network", "machine"])
def test_made_up_tensors(name, request):
    """Types, shapes, places and bytes of tensors, with a checksum that is right."""
    header, document, data = parts_of(request.getfixturevalue(name))
    judge, chance = Judge(), random.Random(2)
    names = [name for name in header if name not in ("__metadata__", "checksum")]
    for tensor in names:
        start, stop = header[tensor]["data_offsets"]
        for wrong in (b"\xff", b"\0", b"\x7f"):
            judge(sealed(header, document, data[:start] + wrong * (stop - start) + data[stop:]))
        for _ in range(5):
            judge(sealed(header, document, data[:start] + chance.randbytes(stop - start) + data[stop:]))
        n = stop - start
        for dtype, size in (
            ("F64", 8),
            ("F32", 4),
            ("I64", 8),
            ("U8", 1),
            ("BOOL", 1),
            ("BF16", 2),
            ("C64", 8),
        ):
            for shape in ([n // size], [1, n // size], [n // size, 1, 1], [], [2**40, 0], [-1]):
                made = copy.deepcopy(header)
                made[tensor] |= {"dtype": dtype, "shape": shape}
                judge(sealed(made, document, data))
        other = chance.choice(names)
        judge(sealed({**header, tensor: header[other], other: header[tensor]}, document, data))
        judge(sealed({key: value for key, value in header.items() if key != tensor}, document, data))
    assert judge.n_refused > 2 * judge.n_loaded


def test_nothing_that_is_not_finite_is_loaded(small):
    header, document, data = parts_of(small)
    judge = Judge()
    for name in ("coef", "intercept"):
        start = header[name]["data_offsets"][0]
        for wrong in (np.nan, np.inf, -np.inf):
            content = data[:start] + np.float64(wrong).tobytes() + data[start + 8 :]
            assert judge(sealed(header, document, content)) is None


@pytest.mark.parametrize("n", [2**63, 2**64 - 1, 2**40, 10**8 + 1, 10**8])
def test_the_length_of_a_header_does_not_allocate(n, small):
    judge = Judge()
    assert judge(n.to_bytes(8, "little") + small[8:]) is None


@pytest.mark.parametrize("shape", [[2**40], [2**62, 2**62], [2**63 - 1], [2**33, 2**33, 0], [10**30]])
def test_a_size_in_a_header_does_not_allocate(shape, small):
    header, document, data = parts_of(small)
    judge = Judge()
    size = 8 * shape[0] % 2**63
    for offsets in (header["coef"]["data_offsets"], [0, size]):
        made = {**header, "coef": {"dtype": "F64", "shape": shape, "data_offsets": offsets}}
        content = sealed(made, document, data)
        tracemalloc.start()
        assert judge(content) is None
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()


@pytest.mark.parametrize(
    "document",
    [
        "", "null", "[]", "{", "NaN", '{"format": NaN}', '{"format": 1}', '{"format": true}',
        '{"format": "1"}', '{"format": 0}', '{"format": -1}', "[" * 100_000,
        '{"format": 1, "model": ' + "[" * 50_000, '{"format": 1' + "0" * 5000 + "}",
    ],
    ids=lambda text: text[:25],
)  # fmt: skip
def test_documents_that_are_none(document, small):
    header, _, data = parts_of(small)
    assert Judge()(sealed(header, document, data)) is None


def test_deep_choices_are_refused(rich):
    """Deeper than Python's stack, and than that of the core."""
    header, document, data = parts_of(rich)
    rate = 0.1
    for _ in range(400):
        rate = {"choice": ["Schedule", "Warmup"], "with": {"schedule": rate, "n_steps": 1}}
    document["resume"]["arguments"]["optimizer"] = {
        "choice": ["Optimizer", "adam"],
        "with": {"learning_rate": rate},
    }
    Judge()(sealed(header, document, data))


def test_newer_formats_are_refused_with_what_to_do(small, tmp_path):
    header, document, data = parts_of(small)
    path = tmp_path / "newer"
    path.write_bytes(sealed(header, document | {"format": FORMAT + 1, "version": "9.0"}, data))
    with pytest.raises(
        ValueError, match=rf"it is of format {FORMAT + 1}, written by mbgd_rs 9.0, .* install a newer one"
    ):
        mb.load(path)


def test_files_of_others_are_refused(tmp_path):
    judge = Judge()
    for content in (b"", b"\0", b"\0" * 8, b"\0" * 100, b"text", b"\x80\x04N.", b"PK\x03\x04" + bytes(100)):
        assert judge(content) is None
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    path = tmp_path / "other"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(
        ValueError, match=r"other must be a model file, as save writes it: it has no metadata"
    ):
        mb.load(path)


def test_nothing_in_a_file_is_run(rich, tmp_path, monkeypatch):
    """Neither pickle nor the compiler is called."""
    (tmp_path / "model").write_bytes(rich)
    calls = []
    with monkeypatch.context() as patched:
        for name in ("pickle.loads", "pickle.load", "builtins.eval", "builtins.exec", "builtins.compile"):
            patched.setattr(name, lambda *_, name=name, **__: calls.append(name))
        checked_model(rich, "this file")
    assert calls == []
    assert mb.load(tmp_path / "model").n_steps == 19
