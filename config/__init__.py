"""What people write: TOML files in, validated settings and a plan in canonical units out."""
