"""What pages that stand alone share: templates, and a head that allows one style and script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

from nirx.errors import UnsupportedError

__all__ = ["check_jinja", "environment", "with_assets"]

HERE, BASE = "nirx.viewing", "base.css"


def check_jinja(what: str) -> None:
    """Fail early where no page can be made.

    Arguments:
        what: needs it, for the message.

    **Raises**: `UnsupportedError` without jinja2.
    """
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise UnsupportedError(
            f'{what} needs jinja2 ({error}); install it with: pip install "nirx[report]"'
        ) from error


def environment(package: str = HERE, finalize: Callable[[Any], Any] | None = None) -> Any:
    """Templates of a package, and those that all pages share.

    Arguments:
        package: has a folder `templates`.
        finalize: is applied to every value before it is shown.
    """
    import jinja2

    packages = dict.fromkeys((package, HERE))
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name) for name in packages]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )


def with_assets(templates: Any, style: str, *scripts: str) -> dict[str, Any]:
    """The style, the script and its hash, for `head.html`.

    Arguments:
        templates: an `environment`.
        style, scripts: names of files beside its templates. The style follows `base.css`, which all
            pages share; the scripts become one.
    """
    from markupsafe import Markup  # comes with jinja2

    look, script = (
        "".join(templates.loader.get_source(templates, name)[0] for name in names)
        for names in ((BASE, style), scripts)
    )
    digest = hashlib.sha256(script.encode()).digest()
    return {
        "style": Markup(look),
        "script": Markup(script),
        "script_hash": base64.b64encode(digest).decode(),
    }
