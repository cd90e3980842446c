"""`Exporters`: the maps of one export. The adapters add how their modules are recognized."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from nirx.basics.find_exporter import find_exporter, why_not_inherited
from nirx.basics.type_map import ABSENT, Handler, require_type_map
from nirx.dynamics.discretization import Discretization
from nirx.errors import UnsupportedError
from nirx.tracing.exporting import MODULE_FORM, call_exporter, finalize_export

__all__ = ["Exporters"]


class Exporters:
    """The maps of one export; a module is exported once, however often it is called.

    Arguments:
        module_map, default_map: {module type: exporter}; the first entry wins.
        default_name: what the caller's argument `default_map` is called.

    **Raises**: `InputError` for anything else than such maps.
    """

    library: ClassVar[tuple[str, str]]
    """The package of the framework's own modules, and how users write it."""

    def __init__(
        self,
        module_map: Mapping[type, Handler | None] | None,
        default_map: Mapping[type, Handler | None] | None,
        default_name: str = "default_map",
    ):
        require_type_map(module_map, "module_map", MODULE_FORM)
        require_type_map(default_map, default_name, MODULE_FORM)
        self.maps = module_map, default_map
        self.done: dict[Any, Any] = {}

    def is_mapped(self, module: Any) -> bool:
        """Whether a map has an entry for the module."""
        return find_exporter(type(module), *self.maps) is not ABSENT

    def node_of(self, module: Any, where: str) -> Any:
        """The module's node, or None to bypass it. **Raises** `UnsupportedError`."""
        exporter = find_exporter(type(module), *self.maps)
        if exporter is ABSENT:
            kind = type(module)
            package, prefix = self.library
            name = (prefix if kind.__module__.startswith(package) else "") + kind.__name__
            if any(base.__name__ == kind.__name__ for base in kind.__mro__[1:]):
                name = f"{kind.__module__}.{kind.__qualname__}"  # as quantized layers are called
            why = why_not_inherited(kind, *self.maps)
            raise UnsupportedError(
                f"{name} at {where} has no NIR node{why}; add it to module_map: "
                f"{{{name}: function from the module to a NIR node, or None to bypass it}}"
            )
        try:
            return None if exporter is None else call_exporter(exporter, module, where)
        except UnsupportedError as error:
            raise UnsupportedError(f"{where}: {error}") from error

    def export_root(self, module: Any, discretization: Discretization | None) -> Any:
        """The node of a model that is a mapped module itself."""
        kind = type(module).__name__
        node = self.node_of(module, kind)
        if node is None:
            raise UnsupportedError(f"{kind} is bypassed, so there is nothing to export")
        return finalize_export(node, discretization)
