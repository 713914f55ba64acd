# SPDX-License-Identifier: BSD-3-Clause
from ._measure import generate_binary_structure as generate_binary_structure
from ._measure import iterate_structure as iterate_structure
from ._measure import label as label
from ._ndimage_ops import *
