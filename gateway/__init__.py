"""The north side door: the record and cell contract, keys, MQTT, and the hub."""
