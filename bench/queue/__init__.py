"""Throughput of the job queue and of other queues."""
