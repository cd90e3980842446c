"""A verification as plain data, for `--json`."""

from __future__ import annotations

from typing import Any

from nirx.comparison.divergence import Divergence
from nirx.verification.result import NodeVerdict, Verification

__all__ = ["verification_payload"]


def verification_payload(found: Verification) -> dict[str, Any]:
    """Everything that it says; numbers that JSON lacks are left to whoever prints them."""
    allowed = found.tolerance
    return {
        "reference": found.reference,
        "observed": found.observed,
        "verdict": found.verdict,
        "agree": found.agree,
        "steps": found.steps,
        "samples": found.samples,
        "partial": found.partial,
        "digest": found.digest,
        "tolerance": {
            "jitter": allowed.jitter,
            "rate": allowed.rate,
            "lsb": {key or "*": size for key, size in allowed.lsb.items()},
            "membrane": allowed.membrane,
        },
        "first_divergence": _divergence(found.first_divergence),
        "nodes": [_node(node) for node in found.nodes],
        "not_observed": list(found.not_observed),
        "why": list(found.why),
        "notes": list(found.notes),
    }


def _node(node: NodeVerdict) -> dict[str, Any]:
    return {
        "key": node.key,
        "spikes": node.spikes,
        "verdict": node.verdict,
        "by": node.by,
        "elements": node.elements,
        "differing": node.differing,
        "expected": node.expected,
        "missing": node.missing,
        "extra": node.extra,
        "jitter": node.jitter,
        "at_ends": node.at_ends,
        "rate_error": node.rate_error,
        "error": node.error,
        "lsb_error": node.lsb_error,
        "largest": node.largest,
        "first_divergence": _divergence(node.first_divergence),
        "follows": node.follows,
        "kind": node.kind,
    }


def _divergence(found: Divergence | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "step": found.step,
        "node": found.node,
        "index": list(found.index),
        "reference": found.reference,
        "observed": found.other,
    }
