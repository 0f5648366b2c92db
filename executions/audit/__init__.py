"""The page of the audit log: read, filter, export, and whether it is as it was written."""
