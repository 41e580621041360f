"""Fields that the writer adds to every ResourceSpans, ResourceLogs and ResourceMetrics before ClickHouse reads it.

They are Spanbook's alone: whatever a client sends under these numbers is dropped.
"""

TENANT_FIELD = 9001  # string: the project of the API key, '' for the default one
RECEIVED_AT_FIELD = 9002  # fixed64: nanoseconds since the epoch, when the receiver had the whole request
BATCH_FIELD = 9003  # uint64: first sequence number of the batch in the queue
