"""Who may see and do what: roles, API tokens, the audit log."""
