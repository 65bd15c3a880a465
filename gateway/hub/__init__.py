"""The cluster's receiver: records in, ledger, safe cells out to the store and the feed."""
