"""`nirx.neuron` and what it refuses."""

# nodes here hold what no type checker would allow
# pyright: reportArgumentType=false

import copy
import math

import numpy as np
import pytest

import nirx
from nirx import formulas as f
from nirx.dynamics.expression import Expression, Operation
from nirx.dynamics.parameters import NodeMismatch
from nirx.dynamics.program import Program
from nirx.dynamics.program_table import program_of, table
from support.neurons import adaptive, alone, every_operation

WRONG = {
    "branch": (lambda x, s, p: (x if s.u > 0 else -x, {"u": x}), "decides by a value"),
    "other values": (lambda x, s, p: (x * np.ones(3), {"u": x}), "computes with a ndarray"),
    "text": (lambda x, s, p: (x + "a", {"u": x}), "computes with a str"),
    "power": (lambda x, s, p: (x**0.5, {"u": x}), "takes the power 0.5"),
    "no states": (lambda x, s, p: x, r"expected \(y, new states\) with the states u"),
    "another state": (lambda x, s, p: (x, {"w": x}), r"expected \(y, new states\)"),
    "no formula": (lambda x, s, p: (f.exp(2.0), {"u": x}), "is called with float, no formula"),
}


@pytest.mark.parametrize(("step", "said"), WRONG.values(), ids=WRONG.keys())
def test_steps_that_are_no_formula(step, said):
    with pytest.raises(nirx.InputError, match=said):
        nirx.neuron(step, states={"u": 0.0})


@pytest.mark.parametrize("name", ["", "a b", "_v", "step", "x" * 65, "1v"])
def test_names_that_no_attribute_can_have(name):
    with pytest.raises(nirx.InputError, match="has the name"):
        nirx.neuron(lambda x, s, p: (x, {name: x}), states={name: 0.0})


def test_a_step_may_be_long_but_not_endless():
    def step(x, s, p, times=600):
        for _ in range(times):
            x = x * 1.01 + s.u
        return x, {"u": x}

    with pytest.raises(nirx.InputError, match=r"operations; expected at most 1000"):
        nirx.neuron(step, states={"u": 0.0})

    def functions(x, s, p):
        for _ in range(51):
            x = f.exp(-x)
        return x, {"u": x}

    with pytest.raises(nirx.InputError, match="51 of exp, log, tanh, power; expected at most 50"):
        nirx.neuron(functions, states={"u": 0.0})


def test_parameters_are_attributes_and_copies_do_not_share_them():
    node = adaptive()
    other = copy.copy(node)
    other.theta = 7.0
    assert (node.theta, other.theta, other.parameters["theta"]) == (1.0, 7.0, 7.0)
    deep = copy.deepcopy(node)
    deep.tau[0] = 99.0
    assert node.tau[0] == 3.0
    assert deep.step is node.step
    with pytest.raises(AttributeError, match="Neuron 'ALIF' has no 'rho'"):
        node.rho  # noqa: B018


def test_the_program_of_a_table_is_the_same():
    for node in (adaptive(), every_operation()):
        again = program_of(table(node.step))
        assert again.digest == node.step.digest
        assert again.states == node.step.states


def changed(**changes):
    return {**table(adaptive().step), **changes}


ROWS = table(adaptive().step)["operations"]


def with_entry(row, column, value):
    rows = ROWS.copy()
    rows[row, column] = value
    return {"operations": rows}


HOSTILE = {
    "later operand": (with_entry(-1, 1, 10**6), "not computed yet"),
    "itself": (with_entry(len(ROWS) - 1, 1, len(ROWS) - 1), "not computed yet"),
    "negative": (with_entry(-1, 1, -5), "not computed yet"),
    "operation": (with_entry(-1, 0, 10**9), "names entry 1000000000"),
    "name": ({"names": table(adaptive().step)["names"].replace("mul", "eval")}, "is unknown"),
    "million": ({"operations": np.zeros((10**6, 4), np.int64)}, "at most 1000 rows"),
    "floats": ({"operations": ROWS.astype(float)}, "array of float64"),
    "flat": ({"operations": ROWS.reshape(-1)}, "with 1 axes"),
    "results": ({"results": np.array([0])}, "1 results and 2 states"),
    "result": ({"results": np.array([0, 10**6, 1])}, "names entry 1000000"),
    "no text": ({"names": 7}, "names is a int"),
    "bytes": ({"states": b"v\na"}, "states is a bytes"),
}


@pytest.mark.parametrize(("change", "said"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_tables(change, said):
    with pytest.raises(NodeMismatch) as caught:
        program_of(changed(**change)).check(("tau", "theta", "tau_a"))
    assert said in f"{caught.value.found}; {caught.value.expected}"


X = Operation("input", (), "x")


def garbage(*operations, results=None, states=()):
    own = Expression([X, *operations], {"y": len(operations)} if results is None else results)
    return nirx.Neuron(Program(own, states), {}, {})


def one(name, operands, value=""):
    return lambda: garbage(Operation(name, operands, value))


def holding(expression, states=(), **arguments):
    node = nirx.Neuron(Program(expression, states), {}, {})
    vars(node).update(arguments)
    return node


FINE = Expression([X], {"y": 0})
GARBAGE = {
    "a fraction as operand": one("abs", (0.0,)),
    "text as operand": one("abs", ("0",)),
    "no operands": one("abs", None),
    "a number as name": one(7, (0,)),
    "no operation": lambda: garbage(None),
    "a list as input": one("input", (), ["x"]),
    "text as constant": one("constant", (), "__import__('os')"),
    "an array as constant": one("constant", (), np.ones(4)),
    "a constant of operands": one("constant", (0,), "1.0"),
    "reproducible mode's own": one("exponential", (0,)),
    "a cycle": lambda: garbage(Operation("abs", (2,)), Operation("abs", (1,))),
    "a million": lambda: garbage(*[Operation("abs", (0,))] * 10**6),
    "a long name": one("a" * 10**6, (0,)),
    "a long input": one("input", (), "p." + "a" * 10**6),
    "a long result": lambda: garbage(results={"y": 0, "s." + "a" * 10**6: 0}),
    "a result that is no position": lambda: garbage(results={"y": 0.5}),
    "no results": lambda: holding(Expression([X], None)),
    "no list": lambda: holding(Expression(None, {"y": 0})),
    "no expression": lambda: holding(None),
    "no states": lambda: holding(FINE, None),
    "no step": lambda: holding(FINE, step=7),
    "no parameters": lambda: holding(FINE, parameters=None),
    "a number as parameter": lambda: holding(FINE, parameters={3: 1.0}),
    "no initial values": lambda: holding(FINE, initial=[]),
}


@pytest.mark.parametrize("build", GARBAGE.values(), ids=GARBAGE.keys())
def test_a_node_in_memory_that_holds_garbage_is_refused_in_one_short_message(build):
    with pytest.raises(nirx.GraphError, match="n: ") as caught:
        nirx.check(alone(build()))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("value", ["nan", "inf", "9" * 10**5])
def test_constants_that_are_not_finite_run(value):
    net = nirx.from_nir(alone(garbage(Operation("constant", (), value))), "numpy")
    ys, _ = net.run(np.ones((3, 4), "f4"))
    assert not np.isfinite(ys).any()


def test_the_longest_chain_runs():
    chain = [Operation("mul", (i, i)) for i in range(999)]
    assert nirx.from_nir(alone(garbage(*chain)), "numpy").run(np.ones((3, 4), "f4"))[0].all()


def test_a_program_reads_known_names_only():
    own = Expression()
    own.results = {"y": own.add("input", value="p.secret")}
    node = nirx.Neuron(Program(own, ()), {}, {})
    with pytest.raises(nirx.GraphError, match=r"reads 'p\.secret'; expected x, a parameter or a"):
        nirx.check(alone(node))


def test_values_that_no_run_can_start_from():
    node = adaptive()
    node.initial = {"v": math.nan, "a": 0.0}
    with pytest.raises(nirx.GraphError, match="the initial value of v is not finite"):
        nirx.check(alone(node))
    node.initial = {"v": 0.0}
    with pytest.raises(nirx.GraphError, match="it has initial values of v; expected of a, v"):
        nirx.check(alone(node))
    node = adaptive()
    node.tau = np.array([1.0, np.inf, 1.0, 1.0])
    with pytest.raises(nirx.GraphError, match="tau"):
        nirx.check(alone(node))


def test_division_by_zero_everywhere_runs():
    node = nirx.neuron(
        lambda x, s, p: (f.spike(x / s.u, 1 / p.a), {"u": s.u / (x - x)}),
        parameters={"a": 0.0},
        states={"u": 0.0},
    )
    for backend in ("numpy", "torch", "jax"):
        net = nirx.from_nir(alone(node), backend)
        ys = nirx.state_to_numpy(net.run(net_input(backend)))[0]
        assert set(np.unique(ys)) <= {0.0, 1.0}


def net_input(backend):
    xs = np.zeros((5, 4), np.float32)
    if backend == "torch":
        import torch

        return torch.from_numpy(xs)
    return xs
