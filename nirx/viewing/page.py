"""One HTML page of a run or of several: it stands alone and loads nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from rich.table import Table

from nirx.basics.html import parts_html
from nirx.basics.printable import printable
from nirx.comparison.result import Comparison
from nirx.drawing.network import Picture, diagram_of
from nirx.graphs.schedule import Schedule
from nirx.viewing.content import page_data
from nirx.viewing.templating import check_jinja, environment, with_assets

__all__ = ["check_page", "page"]


def check_page() -> None:
    """Fail early where no page can be made. **Raises** `UnsupportedError`."""
    check_jinja("a page")


def page(
    title: str,
    comparison: Comparison,
    schedule: Schedule,
    parts: list[Table | str],
    nodes: Iterable[Any] = (),
) -> bytes:
    """The page.

    Arguments:
        title: its heading.
        comparison: the sides and where they diverge; of a run without another side, one side.
        schedule: of the graph that ran.
        parts: tables and sentences to start with.
        nodes: the graph's node at each position, for parameter ranges.

    **Raises**: `UnsupportedError` without jinja2.
    """
    check_page()
    from markupsafe import Markup

    templates = environment()
    picture = Picture(diagram_of(schedule, nodes))
    data = page_data(comparison, schedule)
    first = comparison.first_divergence
    text = templates.get_template("view.html").render(
        title=printable(title),
        **with_assets(templates, "view.css", "view.js"),
        data=Markup(_script_json(data)),
        notes=[*data["notes"], *filter(None, [picture.note])],
        inputs=data["inputs"],
        first=None if first is None else {**first.to_dict(), "node": printable(first.node)},
        diverging=[printable(o.backend) for o in comparison.others if o.first_divergence == first],
        reference=printable(comparison.reference),
        parts=Markup(parts_html(parts)),
        picture=Markup(picture.svg),
        rows=[_row(schedule, place, comparison) for place in range(len(schedule.nodes))],
    )
    return text.encode("utf-8", "backslashreplace")


def _script_json(data: Any) -> str:
    """JSON that cannot end a script element."""
    text = json.dumps(data, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _row(schedule: Schedule, place: int, comparison: Comparison) -> dict[str, Any]:
    node = schedule.nodes[place]
    keys = (node.name, *(f"{node.name}.{name}" for name in schedule.node_state_shapes(node)))
    seen = [n for o in comparison.others for n in o.nodes if n.key in keys]
    steps = [n.first_divergence.step for n in seen if n.first_divergence is not None]
    return {
        "place": place,
        "name": printable(node.name),
        "type": node.type_name,
        "shape": "x".join(map(str, node.output_shape)) or "1",
        "differing": sum(n.differing for n in seen),
        "step": min(steps, default=""),
    }
