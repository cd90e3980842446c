"""Mutants that use a different discretization from the one they are given."""

from __future__ import annotations

from dataclasses import replace

from nirx import Discretization
from nirx_conformance.mutants.mutant import on_discretization, on_rule

Rule = Discretization


@on_rule
def reset_by_subtraction(rule: Rule) -> Rule:
    """A spike subtracts v_threshold from v instead of setting v to v_reset."""
    return replace(rule, reset="subtract") if rule.reset == "value" else rule


@on_rule
def reset_by_value(rule: Rule) -> Rule:
    """A spike sets v to v_reset instead of subtracting v_threshold."""
    return replace(rule, reset="value") if rule.reset == "subtract" else rule


@on_rule
def reset_skipped(rule: Rule) -> Rule:
    """v is not reset after a spike."""
    return replace(rule, reset="none") if rule.reset_when == "same" else rule


@on_rule
def reset_one_step_late(rule: Rule) -> Rule:
    """v is reset one step after the spike."""
    same = rule.reset_when == "same" and rule.reset != "none"
    return replace(rule, reset_when="next") if same else rule


@on_rule
def late_reset_before_the_leak(rule: Rule) -> Rule:
    """A delayed reset is applied before the next step's leak instead of after it."""
    return replace(rule, reset_when="next-leaked") if rule.reset_when == "next" else rule


@on_rule
def spike_at_the_threshold(rule: Rule) -> Rule:
    """>= instead of >: v exactly at the threshold spikes."""
    return replace(rule, threshold="ge")


@on_rule
def no_spike_at_the_threshold(rule: Rule) -> Rule:
    """> instead of >=: v exactly at the threshold does not spike."""
    return replace(rule, threshold="gt")


@on_rule
def one_spike_at_most(rule: Rule) -> Rule:
    """Several spikes in a step count as one."""
    return replace(rule, max_spikes=1) if rule.spikes == "multi" else rule


@on_rule
def max_spikes_ignored(rule: Rule) -> Rule:
    """max_spikes is ignored."""
    return replace(rule, max_spikes=None)


@on_rule
def synapse_order_swapped(rule: Rule) -> Rule:
    """The membrane is driven by the old i instead of the new one, and vice versa."""
    swapped = "voltage-first" if rule.synapse == "current-first" else "current-first"
    return replace(rule, synapse=swapped)


@on_rule
def synapse_input_unscaled(rule: Rule) -> Rule:
    """The synaptic current jumps by w_in*x instead of dt/tau_syn*w_in*x."""
    return replace(rule, synapse_input="jump") if rule.synapse_input == "scaled" else rule


@on_rule
def synapse_jump_before_the_decay(rule: Rule) -> Rule:
    """A jump of the synaptic current already decays in the same step."""
    return replace(rule, synapse_input="jump-then-decay") if rule.synapse_input == "jump" else rule


@on_rule
def exponential_for_euler(rule: Rule) -> Rule:
    """1 - exp(-dt/tau) instead of dt/tau."""
    return replace(rule, integrator="exponential")


@on_rule
def euler_for_exponential(rule: Rule) -> Rule:
    """dt/tau instead of 1 - exp(-dt/tau)."""
    return replace(rule, integrator="euler", input_gain="matched")


@on_rule
def start_at_the_leak(rule: Rule) -> Rule:
    """v starts at v_leak instead of 0."""
    return replace(rule, initial_v="leak")


@on_rule
def start_at_zero(rule: Rule) -> Rule:
    """v starts at 0 instead of v_leak."""
    return replace(rule, initial_v="zero")


@on_rule
def step_too_long(rule: Rule) -> Rule:
    """dt is 10 % too long in every neuron."""
    return replace(rule, dt=1.1 * rule.dt)


@on_discretization
def feedback_starts_at_zero(d: Discretization) -> Discretization:
    """Before the first step, feedback carries 0 instead of its source's output in silence."""
    return replace(d, feedback_initial="zero")


@on_discretization
def feedback_on_every_edge(d: Discretization) -> Discretization:
    """Every edge of a cycle that leaves a neuron is delayed, not only the natural back edges."""
    return replace(d, feedback="component")


@on_discretization
def overrides_ignored(d: Discretization) -> Discretization:
    """Overrides for single nodes are ignored."""
    return replace(d, overrides={})
