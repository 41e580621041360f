"""The same scenarios for every SDK: an SDK is a row."""
