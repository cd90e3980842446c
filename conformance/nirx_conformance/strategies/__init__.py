"""Strategies: random graphs, discretizations and inputs, for Hypothesis and for plain scripts."""

from nirx_conformance.strategies.cases import Case as Case
from nirx_conformance.strategies.cases import cases as cases
from nirx_conformance.strategies.cases import random_case as random_case
from nirx_conformance.strategies.discretizations import discretizations as discretizations
from nirx_conformance.strategies.graphs import graphs as graphs
from nirx_conformance.strategies.inputs import inputs as inputs
from nirx_conformance.strategies.integers import integer_cases as integer_cases
from nirx_conformance.strategies.integers import random_integer_case as random_integer_case
