"""Which Python runs the applications of a test: this one, or that of an older environment."""

import os
import sys

VARIABLE = "SPANBOOK_TEST_PYTHON"
PYTHON = os.environ.get(VARIABLE, sys.executable)
