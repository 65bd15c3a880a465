"""Where released cells go for good: one module a store, all behind one contract."""
