"""nirx: one NIR graph, the same on NumPy, PyTorch and JAX/Equinox."""

from nirx.backend import find_backend as find_backend
from nirx.backend import from_nir as from_nir
from nirx.bridging.refusal import NotRepresentable as NotRepresentable
from nirx.check import check as check
from nirx.compare import Comparison as Comparison
from nirx.compare import assert_equivalent as assert_equivalent
from nirx.compare import compare as compare
from nirx.diagnose import diagnose as diagnose
from nirx.diagnosis.result import Diagnosis as Diagnosis
from nirx.digest import digest as digest
from nirx.discretization import SEMANTICS_VERSION as SEMANTICS_VERSION
from nirx.discretization import Discretization as Discretization
from nirx.errors import Fault as Fault
from nirx.errors import FileError as FileError
from nirx.errors import GraphError as GraphError
from nirx.errors import InputError as InputError
from nirx.errors import NirxError as NirxError
from nirx.errors import NirxWarning as NirxWarning
from nirx.errors import UnsupportedError as UnsupportedError
from nirx.move import Move as Move
from nirx.move import move as move
from nirx.node_types import register_type as register_type
from nirx.presets import PRESETS as PRESETS
from nirx.reading import read as read
from nirx.reference import Reference as Reference
from nirx.reference import reference as reference
from nirx.sameness import same_graph as same_graph
from nirx.schedule import Schedule as Schedule
from nirx.schedule import schedule as schedule
from nirx.state import state_to_numpy as state_to_numpy
from nirx.verification.result import Verification as Verification
from nirx.verify import verify as verify
from nirx.writing import write as write

__version__ = "0.1.0"
