"""How Django itself writes times, in the admin: as `whole` in executions/display/formatting.py."""

DATETIME_FORMAT = "M d Y H:i:s T"  # the zone that was in force at that time
DATE_FORMAT = "M d Y"
TIME_FORMAT = "H:i:s"
