"""Old entries of the audit log, which are in compressed files of the store of results (jobs.history moves them)."""
