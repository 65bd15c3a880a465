"""Attackers: what somebody with all cells, all traffic and the public yearly tonnages can find."""
