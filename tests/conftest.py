"""What holds for all tests: the same examples in every run, so that red means a change; `make soak` looks further."""

import os

from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None)
if not os.environ.get("SPANBOOK_SOAK"):
    settings.load_profile("steady")
