"""The error of outputs that can't be compared; here, reports know it without numpy."""

import sys

# The error of outputs that have no number to compare by (one is missing, of another shape, not finite). Unlike an
# infinity it survives JSON, and it is larger than any tolerance, so that `passed` means `max_abs_error <= tolerance`.
INCOMPARABLE = sys.float_info.max
