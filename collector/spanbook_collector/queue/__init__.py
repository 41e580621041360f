"""The durable queue: append-only segments, cursors, and the journal of batches."""
