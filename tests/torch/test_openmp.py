"""Kernels on torch's own threads."""

import os
import subprocess
import sys
import threading

import pytest

from nirx_torch.openmp import find_team


@pytest.fixture
def team():
    found = find_team()
    if found is None:
        pytest.skip("torch's OpenMP has no GOMP_parallel here")
    return found


SLICES = [(0, 3), (3, 4), (4, 9), (9, 10)]


def test_every_slice_runs_once(team):
    lock, found, threads = threading.Lock(), [], set()

    def call(first, last):
        with lock:
            found.append((first, last))
            threads.add(threading.get_ident())

    for _ in range(50):
        found.clear()
        team(call, SLICES)
        assert sorted(found) == SLICES
    assert threads


def test_what_a_slice_raises_comes_out(team):
    for kind in (KeyboardInterrupt, IndexError, StopIteration):

        def call(first, last, kind=kind):
            if first == 4:
                raise kind("four")

        with pytest.raises(kind, match="four"):
            team(call, SLICES)
    team(lambda first, last: None, SLICES)


FORKING = """
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import numpy as np, torch, nirx
from nirx_conformance.benchmarks.networks import feed_forward
from nirx.execution.kernels import threads
net = nirx.from_nir(feed_forward(), "torch", nirx.Discretization(dt=1e-3))
xs = torch.from_numpy((np.random.default_rng(0).random((100, 64, 700)) < 0.05).astype("float32"))
(xs[0, 0] @ torch.ones(700, 700) + torch.ones(4000, 400).sum()).sum()  # torch's threads run
with torch.no_grad():
    wanted = net.run(xs)[0]
child = os.fork()
with torch.no_grad():
    same = np.array_equal(net.run(xs)[0].numpy(), wanted.numpy())  # torch itself would hang here
if child == 0:
    os._exit(0 if same and threads._Pool.team is None else 1)
assert same and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_has_threads_of_its_own():
    subprocess.run([sys.executable, "-c", FORKING], check=True, timeout=120)
