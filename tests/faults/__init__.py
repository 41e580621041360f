"""Faults for real: killed processes, power cuts, full disks, and the ledger that says what was promised."""
