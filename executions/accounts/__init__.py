"""The pages of provider accounts, and accounts as code."""
