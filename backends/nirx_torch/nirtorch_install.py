"""`install_as_nirtorch`: nirx under the name `nirtorch`, submodules included."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import torch

from nirx_torch import nirtorch_api, nirtorch_graph
from nirx_torch.module_map import MODULE_MAP
from nirx_torch.nir_to_torch import nir_to_torch
from nirx_torch.nirtorch_executor import GraphExecutor
from nirx_torch.node_map import NODE_MAP
from nirx_torch.torch_to_nir import torch_to_nir

__all__ = ["Installed", "install_as_nirtorch"]

NAME, VERSION = "nirtorch", "2.6+nirx"


class NIRTorchTracer(torch.fx.Tracer):
    """torch.fx with further modules that are not traced into.

    Arguments:
        custom_leaf_modules: their types.
        kwargs: of `torch.fx.Tracer`.
    """

    def __init__(self, custom_leaf_modules: Any = (), **kwargs: Any):
        super().__init__(**kwargs)
        self.custom_leaf_modules = tuple(custom_leaf_modules or ())

    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        known = isinstance(m, self.custom_leaf_modules) or getattr(m, "_is_leaf_module", False)
        return known or super().is_leaf_module(m, module_qualified_name)


def sanitize_name(name: str) -> str:
    """A node's name as the name of a child: dots become underscores."""
    return name.replace(".", "_")


PUBLIC = {
    "load": nirtorch_api.load,
    "extract_nir_graph": nirtorch_api.extract_nir_graph,
    "nir_to_torch": nir_to_torch,
    "torch_to_nir": torch_to_nir,
}

GRAPH = {name: getattr(nirtorch_graph, name) for name in nirtorch_graph.__all__}

SUBMODULES: dict[str, dict[str, Any]] = {
    "from_nir": {
        "load": nirtorch_api.load,
        "GraphExecutor": GraphExecutor,
        "TorchGraph": nirtorch_graph.TorchGraph,
        "sanitize_name": sanitize_name,
    },
    "to_nir": {
        "extract_nir_graph": nirtorch_api.extract_nir_graph,
        "extract_torch_graph": nirtorch_graph.extract_torch_graph,
    },
    "graph": {**GRAPH, "sanitize_name": sanitize_name},
    "graph_executor": {"GraphExecutor": GraphExecutor, **GRAPH},
    "nir_interpreter": {"nir_to_torch": nir_to_torch, "DEFAULT_MAP": NODE_MAP},
    "torch_tracer": {
        "torch_to_nir": torch_to_nir,
        "DEFAULT_MAP": MODULE_MAP,
        "NIRTorchTracer": NIRTorchTracer,
    },
    "utils": {"sanitize_name": sanitize_name},
}
"""What nirtorch 2.6 has in each submodule, as far as code outside it uses that."""


class Installed:
    """What `install_as_nirtorch` has done; `uninstall()`, or the end of a `with`, undoes it."""

    def __init__(self) -> None:
        self.before = {name: m for name, m in sys.modules.items() if _is_nirtorch(name)}
        for name in self.before:
            del sys.modules[name]
        self.modules = _modules()
        sys.modules.update(self.modules)
        self.rebound = _rebind(self.before, self.modules)

    def uninstall(self) -> None:
        """Put nirtorch back, or nothing where nothing was."""
        if sys.modules.get(NAME) is self.modules[NAME]:
            for name in [n for n in sys.modules if _is_nirtorch(n)]:
                del sys.modules[name]
            sys.modules.update(self.before)
        for owner, name, value in self.rebound:
            vars(owner)[name] = value
        self.rebound = []

    def __enter__(self) -> Installed:
        return self

    def __exit__(self, *error: Any) -> None:
        self.uninstall()

    def __repr__(self) -> str:
        return f"<nirx as {NAME}: {', '.join(self.modules)}>"


def install_as_nirtorch() -> Installed:
    """Let `import nirtorch` give nirx, with its submodules, in this process.

    nirtorch itself need not be installed. Modules that have imported nirtorch already, such as
    a library's, get nirx's functions in place of nirtorch's.

    Returns: the installation; `uninstall()` undoes it, and so does leaving it as a context
    manager. A second installation while one is there does no harm.

    **Raises**: nothing.
    """
    return Installed()


def _is_nirtorch(name: str) -> bool:
    return name == NAME or name.startswith(NAME + ".")


def _modules() -> dict[str, ModuleType]:
    root = _module(NAME, {**PUBLIC, "__version__": VERSION, "version": VERSION})
    found = {NAME: root}
    for name, content in SUBMODULES.items():
        below = found[f"{NAME}.{name}"] = _module(f"{NAME}.{name}", content)
        vars(root)[name] = below
    return found


def _module(name: str, content: dict[str, Any]) -> ModuleType:
    module = ModuleType(name, "nirx in the place of nirtorch.")
    module.__spec__ = ModuleSpec(name, None, is_package=name == NAME)
    if name == NAME:
        module.__path__ = []
    vars(module).update(content, __all__=[n for n in content if not n.startswith("_")])
    return module


def _rebind(before: dict[str, ModuleType], now: dict[str, ModuleType]) -> list[Any]:
    """Put nirx's objects in place of nirtorch's where modules have imported these by name."""
    new: dict[int, Any] = {id(m): now[name] for name, m in before.items() if name in now}
    for name, module in before.items():
        for key, value in vars(now.get(name, now[NAME])).items():
            old = vars(module).get(key)
            if not key.startswith("__") and callable(old) and callable(value):
                new[id(old)] = value
    done = []
    for owner in list(sys.modules.values()):
        if not isinstance(owner, ModuleType) or owner in before.values():
            continue
        if _is_nirtorch(getattr(owner, "__name__", "")):
            continue
        for key, value in list(vars(owner).items()):
            if id(value) in new:
                vars(owner)[key] = new[id(value)]
                done.append((owner, key, value))
    return done
