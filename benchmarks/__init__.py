"""Figures of speed as ratios, measured in one run: `python -m benchmarks`.

Every figure says what it is measured against and its goal; docs/develop/performance.md explains
them.
"""
