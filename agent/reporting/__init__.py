"""The plant's own reports: totals added up by stream and by time, for whoever signs them."""
