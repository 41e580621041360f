"""Clusters as far as one embedded engine can be one."""
