"""The equations of every NIR node type, one file per family."""

from nirx.basics.public import shown_names as _shown_names
from nirx.dynamics.base import Dynamics as Dynamics
from nirx.dynamics.base import Stateless as Stateless
from nirx.dynamics.neuron import Neuron as Neuron
from nirx.dynamics.parameters import NodeMismatch as NodeMismatch

__dir__ = _shown_names(globals())
