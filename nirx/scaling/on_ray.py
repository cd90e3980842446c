"""The engine on Ray: a cluster that is there, or one of this machine, started by itself."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from nirx.errors import NirxError, UnsupportedError
from nirx.scaling.engine import TaskLost

__all__ = ["OnRay"]

RETRIES = 5
"""How often a task is run again whose process or machine died."""
TASKS_PER_CPU = 2
"""One runs and one waits, so that no process waits for the next task."""
LOOK_AGAIN = 2.0
"""Seconds after which the cluster is asked again how large it is: machines come and go."""


class OnRay:
    """Tasks on Ray, each on one CPU.

    The cluster is the one that `ray.init` was called for; else that of `RAY_ADDRESS`; else one of
    this machine, which ends with the engine.

    **Raises**: `UnsupportedError` if the cluster cannot be reached.
    """

    def __init__(self) -> None:
        self._ray = ray = import_module("ray")
        self._started = not ray.is_initialized()
        if self._started:
            _start(ray)
        self._task = ray.remote(num_cpus=1, max_retries=RETRIES)(_call)
        self._origin = _version(), os.getcwd()
        self._keys: dict[Any, Any] = {}
        self._room, self._looked = 1, -LOOK_AGAIN

    @property
    def room(self) -> int:
        now = time.monotonic()
        if now - self._looked >= LOOK_AGAIN:
            cpus = int(self._ray.cluster_resources().get("CPU", 1))
            self._room, self._looked = TASKS_PER_CPU * max(1, cpus), now
        return self._room

    def share(self, value: Any) -> Any:
        return self._ray.put(value)

    def submit(self, key: Any, function: Callable[..., Any], *arguments: Any) -> None:
        self._keys[self._task.remote(self._origin, function, *arguments)] = key

    def next(self) -> tuple[Any, Any]:
        (done,), _ = self._ray.wait(list(self._keys), num_returns=1)
        key = self._keys.pop(done)
        try:
            error, result = self._ray.get(done)
        except self._ray.exceptions.RayTaskError as failed:
            raise failed.cause from None
        except self._ray.exceptions.RayError as lost:
            reason = str(lost).strip().split("\n")[0]
            return key, TaskLost(key, f"its process died {RETRIES + 1} times: {reason}")
        if error is not None:
            raise error
        return key, result

    def __enter__(self) -> OnRay:
        return self

    def __exit__(self, *error: object) -> None:
        for reference in self._keys:
            self._ray.cancel(reference, force=True)
        self._keys.clear()
        if self._started:
            self._ray.shutdown()


def _start(ray: Any) -> None:
    address = os.environ.get("RAY_ADDRESS")
    options: dict[str, Any] = {"address": address or "local"}
    if not address:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
        options["include_dashboard"] = False
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        place = f"RAY_ADDRESS={address}" if address else "Ray on this machine"
        raise UnsupportedError(
            f"{place}: {error}; expected the address of a running cluster, or none to start one"
        ) from error


def _call(
    origin: tuple[str, str], function: Callable[..., Any], *arguments: Any
) -> tuple[Any, Any]:
    """What runs on a machine of the cluster.

    Arguments:
        origin: the version of nirx and the folder where the run was started. Tasks run in that
            folder, where there is one, so that relative paths mean the same.

    Returns: an error of nirx, or None, and the result.
    """
    version, folder = origin
    if os.path.isdir(folder):
        os.chdir(folder)
    if _version() != version:
        return UnsupportedError(
            f"nirx {_version()} is installed on {os.uname().nodename}, and {version} where the run "
            "was started; expected the same on all machines"
        ), None
    try:
        return None, function(*arguments)
    except NirxError as error:
        return error, None


def _version() -> str:
    return str(import_module("nirx").__version__)  # by name: the package itself is above
