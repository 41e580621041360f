"""First on the path of a process that `spanbook run` starts: begins tracing, then lets the next of its name run."""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

_HERE = str(Path(__file__).parent)

try:
    import spanbook
    from spanbook import _termination

    spanbook.autolog()
    _termination.flush_when_terminated()
except Exception as error:  # the application must start, traced or not
    print(f"spanbook: not tracing: {error}", file=sys.stderr)

_next = PathFinder.find_spec("sitecustomize", [entry for entry in sys.path if entry != _HERE])
if _next is not None and _next.loader is not None:
    _next.loader.exec_module(module_from_spec(_next))
