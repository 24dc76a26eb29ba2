"""The pure core: functions over values; no clock, file, socket or thread."""
