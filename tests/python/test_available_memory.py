"""How much memory there is to be had, by control groups of both versions, in folders made up for it."""

import pytest
from mbgd_rs.windows import memory

MIB = 2**20
UNLIMITED = 9223372036854771712


def group(folder, version, limit, used, pages):
    """The files of a control group; `pages` are those of files, of which it counts the bytes as used."""
    folder.mkdir(parents=True, exist_ok=True)
    names = memory.CONTROLLERS[version]
    (folder / names.limit).write_text(f"{limit}\n")
    (folder / names.used).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\nfile_mapped 5\n{names.pages} {pages}\nshmem 0\n")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Where control groups are, and the file that says which are those of the process, which is not there."""
    monkeypatch.setattr(memory, "CONTROL_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(memory, "of_machine", lambda: 1000 * MIB)
    return tmp_path


def own(root, text):
    (root / "own").write_text(text)


@pytest.mark.parametrize(("version", "folder"), [("", "."), ("memory", "memory")])
def test_a_container_has_what_its_group_leaves(root, version, folder):
    group(root / "groups" / folder, version, 100 * MIB, 80 * MIB, 50 * MIB)
    assert memory.available_memory() == 70 * MIB
    own(root, "0::/\n" if version == "" else "5:cpu,cpuacct:/a\n4:memory:/docker/1f\n0::/\n")
    assert memory.available_memory() == 70 * MIB
    group(root / "groups" / folder, version, 100 * MIB, 130 * MIB, 20 * MIB)
    assert memory.available_memory() == 0


@pytest.mark.parametrize(("version", "folder"), [("", "."), ("memory", "memory")])
def test_a_job_has_what_its_group_and_those_around_it_leave(root, version, folder):
    top = root / "groups" / folder
    own(root, f"1:name=systemd:/x:y\n{4 * (version != '')}:{version}:/slurm/job_7/step_0\n")
    group(top / "slurm/job_7/step_0", version, UNLIMITED, 10 * MIB, MIB)
    assert memory.available_memory() == 1000 * MIB
    group(top / "slurm/job_7", version, 300 * MIB, 150 * MIB, 30 * MIB)
    group(top / "slurm/job_8", version, MIB, MIB, 0)
    assert memory.available_memory() == 180 * MIB
    group(top / "slurm/job_7/step_0", version, 60 * MIB, 10 * MIB, MIB)
    assert memory.available_memory() == 51 * MIB


def test_what_is_not_a_limit_is_none(root):
    for version, folder in (("", "."), ("memory", "memory")):
        group(root / "groups" / folder, version, "max" if version == "" else UNLIMITED, 80 * MIB, 50 * MIB)
    assert memory.available_memory() == 1000 * MIB
    (root / "groups/memory/memory.stat").write_text("cache 5\n")
    own(root, "unexpected")
    assert memory.available_memory() == 1000 * MIB
    (root / "groups/memory/memory.usage_in_bytes").unlink()
    assert memory.available_memory() == 1000 * MIB
