"""`python -m spanbook_collector` is `spanbook`."""

import sys

from spanbook_collector.cli import main

sys.exit(main())
