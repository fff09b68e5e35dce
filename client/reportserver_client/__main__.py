"""`python -m reportserver_client` is `rs`."""

import sys

from reportserver_client.cli import main

sys.exit(main())
