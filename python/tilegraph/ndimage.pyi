# SPDX-License-Identifier: BSD-3-Clause
from ._measure import Objects as Objects
from ._measure import find_objects as find_objects
from ._measure import generate_binary_structure as generate_binary_structure
from ._measure import iterate_structure as iterate_structure
from ._measure import label as label
from ._ndimage_ops import *
from ._ndimage_ops import maximum_labels as maximum
from ._ndimage_ops import mean_labels as mean
from ._ndimage_ops import minimum_labels as minimum
from ._ndimage_ops import sum_labels as sum
from ._ndimage_ops import variance_labels as variance
