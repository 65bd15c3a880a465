"""What the plant remembers: the state file, its tables, and what happens when a disk fails."""
