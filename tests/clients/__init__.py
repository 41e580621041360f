"""Clients of the collector that tests send with: raw ones that say exactly what goes over the wire, and real SDKs."""
