CREATE OR REPLACE VIEW labeling_items ON CLUSTER 'book'
(
    item_id String COMMENT 'Id of the item',
    labeling_session_id Nullable(String) COMMENT 'Labeling session that it belongs to',
    trace_id Nullable(String) COMMENT 'Trace to judge',
    span_id Nullable(String) COMMENT 'Span to judge; NULL for the whole trace',
    status Nullable(String) COMMENT 'pending, complete or declined',
    assignee Nullable(String) COMMENT 'Who has taken it',
    claimed_until Nullable(String) COMMENT 'Until when it is taken, ISO 8601',
    completed_by Nullable(String) COMMENT 'Who completed it',
    created_at DateTime64(9, 'UTC') COMMENT 'Time of the oldest value that stands',
    updated_at DateTime64(9, 'UTC') COMMENT 'Time of the newest event'
)
AS SELECT
    e.id AS item_id,
    nullIf(anyIf(e.value, e.field = 'labeling_session.id'), '') AS labeling_session_id,
    nullIf(anyIf(e.value, e.field = 'trace_id'), '') AS trace_id,
    nullIf(anyIf(e.value, e.field = 'span_id'), '') AS span_id,
    nullIf(anyIf(e.value, e.field = 'status'), '') AS status,
    nullIf(anyIf(e.value, e.field = 'assignee'), '') AS assignee,
    nullIf(anyIf(e.value, e.field = 'claimed_until'), '') AS claimed_until,
    nullIf(anyIf(e.value, e.field = 'completed_by'), '') AS completed_by,
    min(e.version) AS created_at,
    max(e.version) AS updated_at
FROM entity_values AS e FINAL
WHERE e.entity = 'labeling_item'
GROUP BY e.tenant, e.id
HAVING anyIf(e.value, e.field = 'deleted') != 'true'
COMMENT 'Items of labeling sessions, as their `spanbook.labeling_item` events tell them.';
