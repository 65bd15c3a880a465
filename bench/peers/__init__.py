"""Peers: the agent beside other gateways, on the same simulated devices and the same broker.

Run with `make peers`. Each peer is installed from the package index into a virtual environment of
its own under build/peers, and is no part of this project. All read the same devices once a second,
one after the other so that none slows another down.

Then each is killed (kill -9) while the broker is away, and started again with it: the first value
is a count of seconds, and a sample is lost whose count never reaches the broker. The agent does not
send samples but sums of a totaliser, sealed; it is asked what it has measured instead, from its
state file: seconds of the count that are in no total.
"""
