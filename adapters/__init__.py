"""The plant's side door: devices in, readings out. Nothing here can write to a device."""
