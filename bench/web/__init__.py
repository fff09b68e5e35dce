"""Speed and memory of the server over HTTP."""
