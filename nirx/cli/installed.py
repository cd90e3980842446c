"""What is installed beside nirx, and whether it fits together, from the packages' own metadata."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, distributions

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

__all__ = [
    "SELF",
    "Extra",
    "extras",
    "fits",
    "installed",
    "python_fits",
    "requirements",
    "version_of",
]

SELF = "nirx"
"""The name of its package."""
COLLECTIONS = ("all", "dev", "docs")
"""Extras that gather others, or what only nirx's developers need."""


@dataclass(frozen=True)
class Extra:
    """An extra of nirx.

    Arguments:
        name: as in `pip install "nirx[name]"`.
        packages: that it brings.
        missing: those of them that are not installed.
    """

    name: str
    packages: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def install(self) -> str:
        """The line that installs it."""
        return f'pip install "{SELF}[{self.name}]"'


@lru_cache(maxsize=1)
def installed() -> Mapping[str, Distribution]:
    """All installed packages by canonical name; of several the one that Python imports."""
    found: dict[str, Distribution] = {}
    for own in distributions():
        name = own.metadata["Name"]  # None where a folder of metadata is damaged
        if name:
            found.setdefault(canonicalize_name(name), own)
    return dict(sorted(found.items()))


def version_of(package: str) -> str | None:
    """The version of a package; None if it is not installed."""
    own = installed().get(canonicalize_name(package))
    return None if own is None else own.version


def requirements(package: str, extra: str = "") -> list[Requirement]:
    """What a package needs on this machine, with one of its extras."""
    own = installed().get(canonicalize_name(package))
    found = []
    for text in (own.requires if own is not None else None) or ():
        try:
            wanted = Requirement(text)
        except InvalidRequirement:  # of an old package; pip does not read it either
            continue
        always = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        if extra == "":
            found += [wanted] if always else []
        elif not always and wanted.marker is not None and wanted.marker.evaluate({"extra": extra}):
            found.append(wanted)
    return found


def extras() -> list[Extra]:
    """The extras of nirx that bring something to users, in the order of their names."""
    own = installed().get(SELF)
    names = (own.metadata.get_all("Provides-Extra") if own is not None else None) or []
    found = []
    for name in sorted(set(names) - set(COLLECTIONS)):
        packages = tuple(wanted.name for wanted in requirements(SELF, name))
        missing = tuple(p for p in packages if version_of(p) is None)
        found.append(Extra(name, packages, missing))
    return found


def fits() -> tuple[list[str], list[str]]:
    """What does not fit together.

    Returns: problems among nirx and what it needs; remarks on other packages that ask for other
    versions of these.
    """
    needed = _needed()
    own = [w for extra in ["", *(e.name for e in extras())] for w in requirements(SELF, extra)]
    there = [w for w in own if version_of(w.name) is not None or w in requirements(SELF)]
    problems = [_mended(SELF, w) for w in there if not _met(w)]
    remarks = []
    for name in installed():
        for wanted in requirements(name) if name != SELF else ():
            if _met(wanted):
                continue
            if name in needed:
                problems.append(_mended(name, wanted))
            elif canonicalize_name(wanted.name) in needed:  # pip's answer could break nirx
                remarks.append(_words(name, wanted))
    return list(dict.fromkeys(problems)), list(dict.fromkeys(remarks))


def python_fits() -> str:
    """What is wrong with this Python's version; empty where nothing is."""
    own = installed().get(SELF)
    wanted = own.metadata["Requires-Python"] if own is not None else None
    if not wanted or SpecifierSet(wanted).contains(platform.python_version(), prereleases=True):
        return ""
    return f"Python {platform.python_version()}: {SELF} needs {wanted}"


def _needed() -> set[str]:
    """nirx's requirements, those of the extras that are there, and what these need in turn."""
    own = {extra.name for extra in extras() if not extra.missing}
    work = [w for name in ["", *sorted(own)] for w in requirements(SELF, name)]
    found: set[str] = set()
    while work:
        name = canonicalize_name(work.pop().name)
        if name not in found and name in installed():
            found.add(name)
            work += requirements(name)
    return found


def _met(wanted: Requirement) -> bool:
    found = version_of(wanted.name)
    if found is None:
        return False
    try:
        return wanted.specifier.contains(Version(found), prereleases=True)
    except InvalidVersion:  # a version that no rule orders
        return True


def _words(package: str, wanted: Requirement) -> str:
    found = version_of(wanted.name)
    have = f"{wanted.name} is not installed" if found is None else f"found {wanted.name} {found}"
    limits = f" {wanted.specifier}" if wanted.specifier else ""
    return f"{package} {version_of(package)} needs {wanted.name}{limits}; {have}"


def _mended(package: str, wanted: Requirement) -> str:
    return f'{_words(package, wanted)}; pip install "{wanted.name}{wanted.specifier}"'
