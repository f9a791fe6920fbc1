"""Measures the shift detector against others on simulated streams: ``make bench-drift``."""
