"""The plant's runtime: meters and windows, disclosure, outbox, service, command line."""
