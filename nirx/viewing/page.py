"""One HTML page of a run or of several: it stands alone and loads nothing."""

from __future__ import annotations

import json
from typing import Any

from nirx.basics.html import parts_html
from nirx.basics.printable import printable
from nirx.basics.tables import shape_text
from nirx.drawing.network import Picture, diagram_of
from nirx.viewing.content import page_data
from nirx.viewing.scene import Scene
from nirx.viewing.templating import check_jinja, environment, with_assets

__all__ = ["check_page", "page"]

COLUMNS = ("#", "node", "type", "shape", "rate")
COMPARED = ("differing", "from step")


def check_page() -> None:
    """Fail early where no page can be made. **Raises** `UnsupportedError`."""
    check_jinja("a page")


def page(scene: Scene) -> bytes:
    """The page. **Raises** `UnsupportedError` without jinja2."""
    check_page()
    from markupsafe import Markup

    templates = environment()
    comparison, schedule = scene.comparison, scene.schedule
    picture = Picture(diagram_of(schedule, scene.nodes))
    data = page_data(scene)
    first = comparison.first_divergence
    text = templates.get_template("view.html").render(
        title=printable(scene.title),
        **with_assets(templates, "view.css", "plots.js", "nodes.js"),
        data=Markup(_script_json(data)),
        notes=[*data["notes"], *filter(None, [picture.note])],
        inputs=data["inputs"],
        first=None if first is None else {**first.to_dict(), "node": printable(first.node)},
        diverging=[printable(o.backend) for o in comparison.others if o.first_divergence == first],
        reference=printable(comparison.reference),
        parts=Markup(parts_html(list(scene.parts))),
        picture=Markup(picture.svg),
        columns=[*COLUMNS, *(COMPARED if comparison.others else ())],
        rows=[_row(scene, place) for place in range(len(schedule.nodes))],
    )
    return text.encode("utf-8", "backslashreplace")


def _script_json(data: Any) -> str:
    """JSON that cannot end a script element."""
    text = json.dumps(data, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _row(scene: Scene, place: int) -> list[str]:
    """The texts of `COLUMNS` for one node, and those of `COMPARED` where there are sides."""
    node, others = scene.schedule.nodes[place], scene.comparison.others
    rate = scene.spike_rates.get(node.name)
    shape, spikes = shape_text(node.output_shape), "" if rate is None else f"{rate:.3g}"
    own = [str(place), printable(node.name), node.type_name, shape, spikes]
    if not others:
        return own
    keys = (node.name, *(f"{node.name}.{name}" for name in scene.schedule.node_state_shapes(node)))
    seen = [n for o in others for n in o.nodes if n.key in keys]
    steps = [n.first_divergence.step for n in seen if n.first_divergence is not None]
    differing = str(sum(n.differing for n in seen)) if seen else ""
    return [*own, differing, str(min(steps)) if steps else ""]
