"""What is on which page of the API reference.

It needs no package of the site, so that a test can count the names.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["GROUPS", "PAGES", "documented", "page_text", "public_names"]

PAGES = {
    "nirx": ("Everything that `import nirx` gives. [The guide](../guide.md) is a tour.", ["nirx"]),
    "surrogates": ("`nirx.surrogates`.", ["nirx.dynamics.surrogates"]),
    "formulas": ("`nirx.formulas`.", ["nirx.dynamics.formula"]),
    "readouts": ("Losses on recordings.", ["nirx.readouts"]),
    "plot": ("`nirx.plot`.", ["nirx.drawing.plot"]),
    "dynamics": (
        "For [node types of your own](../node-mapping.md).",
        ["nirx.dynamics", "nirx.dynamics.ops"],
    ),
    "nirx_torch": (
        "See [import](../import-torch.md) and [export](../export-torch.md).",
        ["nirx_torch"],
    ),
    "nirx_jax": ("See [import](../import-jax.md) and [export](../export-jax.md).", ["nirx_jax"]),
    "nirx_conformance": (
        "See [Test your own backend](../test-your-backend.md).",
        ["nirx_conformance.suite.runner", "nirx_conformance.suite.outcome"],
    ),
}
"""Page -> introduction and modules."""

GROUPS = {
    "Files and graphs": """read write check repair Change ReadLimits same_graph schedule
        Schedule""",
    "The time step": "Discretization PRESETS SEMANTICS_VERSION Arithmetic",
    "Run": "from_nir Network find_backend map digest detach state_to_numpy",
    "Train": "trainable freeze parametrize health Health",
    "Compare": "compare assert_equivalent Comparison show view",
    "Neurons of your own": "neuron Neuron register_type expressed recognise",
    "Move": "move Move NotRepresentable",
    "References and recordings": """reference Reference verify Verification diagnose Diagnosis
        EventFormat""",
    "Chips": "quantize Quantization export_c GoldenModel",
    "Errors": "NirxError FileError GraphError Fault InputError UnsupportedError NirxWarning",
}
"""The names of `nirx` by heading."""


def public_names(module: str) -> list[str]:
    """The names of a module's interface, without the modules among them (these have pages)."""
    own = importlib.import_module(module)
    listed = getattr(own, "__all__", None) or [n for n in dir(own) if not n.startswith("_")]
    return [name for name in listed if not isinstance(getattr(own, name), ModuleType)]


def documented(module: str) -> list[str]:
    """The names of a module that the reference shows."""
    if module != "nirx":
        return public_names(module)
    return [name for names in GROUPS.values() for name in names.split()]


def page_text(page: str) -> str:
    """A page of the reference in the words of mkdocstrings."""
    introduction, modules = PAGES[page]
    lines = [f"# {modules[0] if len(modules) == 1 else page}", "", introduction, ""]
    if modules == ["nirx"]:
        for heading, names in GROUPS.items():
            lines += [f"## {heading}", "", *(f"::: nirx.{n}\n" for n in names.split())]
        return "\n".join(lines)
    for module in modules:
        lines += [f"## {module}", "", *(f"::: {module}.{n}\n" for n in public_names(module))]
    return "\n".join(lines)
