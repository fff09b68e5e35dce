"""OpenTelemetry: traces of jobs, with their deliveries, and the metrics of /metrics. Off by default."""
