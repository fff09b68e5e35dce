"""The project: settings, URLs, sign-in, the web server, and what operators use."""

import gc

# Imports make many objects, and all of them stay. With Python's defaults, the collector looks at them so often that it
# takes a quarter of every start, even of the shortest command.
gc.set_threshold(10_000, 20, 20)
