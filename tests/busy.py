"""How late anything may be because other tests run beside: no limit that a test asks for is
tighter, and what each of them guards against takes longer than that by far."""

LATE = 3.0  # seconds
