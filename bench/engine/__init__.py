"""Speed and memory of writing rows into files, without a server."""
