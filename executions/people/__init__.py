"""What people set up for themselves: API tokens; and how somebody who was invited begins."""
