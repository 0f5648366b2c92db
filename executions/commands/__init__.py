"""Commands to providers: submitted as rows, dispatched once, reconciled by what is read."""
