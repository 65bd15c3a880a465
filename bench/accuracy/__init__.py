"""A simulated year of readings each second through each kind of meter, against sums of its own."""
