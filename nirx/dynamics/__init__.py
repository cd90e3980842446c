"""The equations of every NIR node type, one file per family."""

from nirx.dynamics.base import Dynamics as Dynamics
from nirx.dynamics.base import Stateless as Stateless
from nirx.dynamics.neuron import Neuron as Neuron
from nirx.dynamics.parameters import NodeMismatch as NodeMismatch
