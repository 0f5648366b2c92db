"""Polls accounts: the schedule, one poll, push channels, logs, workflow lists."""
