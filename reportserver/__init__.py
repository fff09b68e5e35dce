"""The project: settings, URLs, sign-in, the web server, and what operators use."""

import gc

# What a start imports stays. By default, Python looks for garbage among it so often that this takes a quarter of the
# start, also of the shortest command.
gc.set_threshold(10_000, 20, 20)
