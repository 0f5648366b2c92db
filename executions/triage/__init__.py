"""What people decide about failed runs: resolve, ignore, take on."""
