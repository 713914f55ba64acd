# SPDX-License-Identifier: BSD-3-Clause
from typing import Any

from . import config as config
from . import diagnostics as diagnostics
from . import distributed as distributed
from . import errors as errors
from . import ndimage as ndimage
from ._array import Array as Array
from ._convert import asanyarray as asanyarray
from ._convert import asarray as asarray
from ._convert import describe as describe
from ._convert import from_array as from_array
from ._convert import from_dlpack as from_dlpack
from ._convert import from_zarr as from_zarr
from ._convert import open as open
from ._explain import explain as explain
from ._explain import visualize as visualize
from ._create import *
from ._extra import *
from ._layout import *
from ._map import map_blocks as map_blocks
from ._map import map_overlap as map_overlap
from ._maths import *
from ._ops import *
from ._products import *
from ._reduce import *
from ._run import compute as compute
from ._run import persist as persist
from ._run import save as save
from ._run import store as store
from ._run import to_zarr as to_zarr
from ._select import *
from .errors import TilegraphError as TilegraphError

__version__: str
pi: float
e: float
inf: float
nan: float
newaxis: None

# The array API's names and the dtypes.
def __getattr__(name: str) -> Any: ...
