"""References, sweeps and conformance on Ray clusters whose machines and drivers die."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from nirx.scaling.choose import is_installed
from support.ray_runs import LIMIT, ray_program, ray_run
from support.references import clip, write_reference

if not is_installed("ray"):
    pytest.skip("Ray is not installed", allow_module_level=True)
pytestmark = pytest.mark.exhaustive

SAMPLES, STEPS, SHARDS = 2000, 400, 40
WRITE = """
import sys
from support.references import write_reference

def write(out, **options):
    return write_reference(
        out, "poisson:rate=0.3", batch=SAMPLES, steps=STEPS, record=["sub/lif"], spikes="events",
        compression="lzf", engine="ray", **options
    )
""".replace("SAMPLES", str(SAMPLES)).replace("STEPS", str(STEPS))
WHOLE = WRITE + "print('\\nfound', write(sys.argv[1], shards=int(sys.argv[2])).resumed)"
CLUSTER = (
    WRITE
    + """
import time

import ray
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
others = [cluster.add_node(num_cpus=1) for number in range(2)]
ray.init(address=cluster.address, log_to_driver=False)
assert len([n for n in ray.nodes() if n["Alive"]]) == 3
try:
    seen = []

    def advance(steps):
        seen.append(steps)
        if sum(seen) >= 100 and others:
            cluster.remove_node(others.pop(), allow_graceful=False)

    write(sys.argv[1], shards=int(sys.argv[2]), advance=advance)
    limit = time.monotonic() + 60  # Ray takes its time to call a machine dead
    while all(n["Alive"] for n in ray.nodes()) and time.monotonic() < limit:
        time.sleep(0.1)
    alive = len([n for n in ray.nodes() if n["Alive"]])
    print("\\nfound", alive, sum(seen), flush=True)
finally:
    ray.shutdown()
    cluster.shutdown()
"""
)
"""Kills a machine after a quarter of the work."""


SUITE = """
import nirx
from nirx.cli import main

status = main(["conformance", "--engine", "ray", "--backend", "numpy", "--case", "silence"])
squares = nirx.map(lambda n: n * n, range(20), engine="ray", shards=7)
print("\\nfound", status, *squares, flush=True)
"""

LOST = """
import os
import nirx

try:
    list(nirx.map(lambda n: os._exit(1) if n == 3 else n, range(5), engine="ray", shards=5))
except nirx.NirxError as error:
    print("\\nerror", type(error).__name__, error, flush=True)
"""
ADDRESS = """
import os
import ray
from ray.cluster_utils import Cluster

import nirx

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
os.environ["RAY_ADDRESS"] = cluster.address
try:
    where = lambda n: ray.get_runtime_context().get_node_id()
    for again in range(2):  # the first one leaves the cluster as it was
        found = set(nirx.map(where, range(4), engine="ray"))
        assert found == {cluster.head_node.node_id}, found
    print("\\nfound", again, ray.is_initialized() + 0, flush=True)
finally:
    cluster.shutdown()
"""
NOWHERE = """
import nirx

try:
    list(nirx.map(abs, [1], engine="ray"))
except nirx.UnsupportedError as error:
    print("\\nerror", error, flush=True)
"""

FOLDER = """
import sys
from support.references import write_reference

write_reference(sys.argv[2], sys.argv[1], engine="ray", shards=3)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of one process, which computes all samples together."""
    out = tmp_path_factory.mktemp("whole") / "whole.h5"
    options = {"record": ["sub/lif"], "spikes": "events", "compression": "lzf"}
    write_reference(out, "poisson:rate=0.3", batch=SAMPLES, steps=STEPS, **options)
    return out.read_bytes()


def test_a_machine_dies_in_the_middle_and_the_file_is_the_same(whole, tmp_path):
    out = tmp_path / "r.h5"
    alive, steps = found_in(ray_run(CLUSTER, out, SHARDS))
    assert alive < 3
    assert steps == STEPS
    assert out.read_bytes() == whole
    assert [p.name for p in tmp_path.iterdir()] == ["r.h5"]


def test_the_driver_is_killed_and_started_again(whole, tmp_path):
    out = tmp_path / "r.h5"
    with ray_program(WHOLE, out, SHARDS) as process:
        wait_for_parts(tmp_path / "r.h5.parts", 10, process)
        os.kill(process.pid, signal.SIGKILL)
    assert not out.exists()
    (resumed,) = found_in(ray_run(WHOLE, out, SHARDS))
    assert 0 < resumed < STEPS
    assert out.read_bytes() == whole


def test_conformance_and_a_sweep_give_what_one_process_gives():
    passed, *squares = found_in(ray_run(SUITE))
    assert passed == 0
    assert squares == [n * n for n in range(20)]


def test_an_item_whose_process_keeps_dying_is_named():
    said = ray_run(LOST)
    assert "error NirxError items 3 to 3: its process died 6 times" in said


def test_the_cluster_of_ray_address_is_used_and_left_running():
    assert found_in(ray_run(ADDRESS)) == [1, 0]


def test_an_address_without_a_cluster_is_refused():
    with ray_program(NOWHERE, RAY_ADDRESS="nonsense") as process:
        said, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, errors[-4000:]
    assert "error RAY_ADDRESS=nonsense: " in said
    assert "expected the address of a running cluster" in said


def test_a_folder_is_read_where_the_tasks_run(tmp_path):
    pytest.importorskip("fsspec")
    (tmp_path / "clips").mkdir()
    for sample in range(5):
        np.savez(tmp_path / "clips" / f"{sample}.npz", input=clip(20, 5)[:, sample])
    write_reference(tmp_path / "whole.h5", tmp_path / "clips")
    ray_run(FOLDER, tmp_path / "clips", tmp_path / "r.h5")
    assert (tmp_path / "r.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def found_in(text: str) -> list[int]:
    """The numbers that a program found; Ray prints as well."""
    line = next(line for line in text.split("\n") if line.startswith("found"))
    return [int(word) for word in line.split()[1:]]


def wait_for_parts(folder: Path, count: int, process) -> None:
    limit = time.monotonic() + 60
    while len(list(folder.glob("part-*"))) < count:
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() < limit, "it computes nothing"
        time.sleep(0.02)
