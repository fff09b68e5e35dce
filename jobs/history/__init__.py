"""The history: jobs that ended long ago, in compressed files of the store of results."""
