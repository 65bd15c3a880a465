"""Simulated plants: real Modbus and OPC UA servers with a known truth, and the demo."""
