"""From readings to totals: meters, windows, the pipeline; pure but for the property library."""
