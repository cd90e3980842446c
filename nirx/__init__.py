"""nirx: one NIR graph, the same on NumPy, PyTorch and JAX/Equinox."""

from nirx import readouts as readouts
from nirx.basics.public import shown_names as _shown_names
from nirx.comparison.compare import assert_equivalent as assert_equivalent
from nirx.comparison.compare import compare as compare
from nirx.comparison.digest import digest as digest
from nirx.comparison.health import Health as Health
from nirx.comparison.health import health as health
from nirx.comparison.result import Comparison as Comparison
from nirx.diagnosis.diagnose import diagnose as diagnose
from nirx.diagnosis.result import Diagnosis as Diagnosis
from nirx.drawing import plot as plot
from nirx.drawing.network import show as show
from nirx.dynamics import formula as formulas
from nirx.dynamics import surrogates as surrogates
from nirx.dynamics.arithmetic import Arithmetic as Arithmetic
from nirx.dynamics.discretization import SEMANTICS_VERSION as SEMANTICS_VERSION
from nirx.dynamics.discretization import Discretization as Discretization
from nirx.dynamics.neuron_node import Neuron as Neuron
from nirx.dynamics.neuron_node import neuron as neuron
from nirx.dynamics.node_types import register_type as register_type
from nirx.dynamics.presets import PRESETS as PRESETS
from nirx.errors import Fault as Fault
from nirx.errors import FileError as FileError
from nirx.errors import GraphError as GraphError
from nirx.errors import InputError as InputError
from nirx.errors import NirxError as NirxError
from nirx.errors import NirxWarning as NirxWarning
from nirx.errors import UnsupportedError as UnsupportedError
from nirx.execution.backend import find_backend as find_backend
from nirx.execution.backend import from_nir as from_nir
from nirx.execution.expressing import expressed as expressed
from nirx.execution.network import Network as Network
from nirx.execution.refusal import NotRepresentable as NotRepresentable
from nirx.execution.trainable import freeze as freeze
from nirx.execution.trainable import parametrize as parametrize
from nirx.execution.trainable import trainable as trainable
from nirx.files.limits import ReadLimits as ReadLimits
from nirx.files.reading import read as read
from nirx.files.writing import write as write
from nirx.golden.export import GoldenModel as GoldenModel
from nirx.golden.export import export_c as export_c
from nirx.graphs.check import check as check
from nirx.graphs.detach import detach as detach
from nirx.graphs.repair import Change as Change
from nirx.graphs.repair import repair as repair
from nirx.graphs.sameness import same_graph as same_graph
from nirx.graphs.schedule import Schedule as Schedule
from nirx.graphs.schedule import schedule as schedule
from nirx.graphs.state import state_to_numpy as state_to_numpy
from nirx.inputs.event_format import EventFormat as EventFormat
from nirx.moving.move import Move as Move
from nirx.moving.move import move as move
from nirx.quantizing.quantization import Quantization as Quantization
from nirx.quantizing.quantize import quantize as quantize
from nirx.references.reference import Reference as Reference
from nirx.references.reference import reference as reference
from nirx.scaling.map import map as map
from nirx.tracing.recognition.in_graphs import recognise as recognise
from nirx.verification.result import Verification as Verification
from nirx.verification.verify import verify as verify
from nirx.viewing.view import view as view

__version__ = "0.1.0"

# Folders that `import nirx` brought along are importable, but no part of the interface.
__dir__ = _shown_names(globals(), formulas, plot, readouts, surrogates)
