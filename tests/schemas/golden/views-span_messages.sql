CREATE OR REPLACE VIEW span_messages ON CLUSTER 'book'
(
    tenant String COMMENT 'Project of the API key',
    trace_id String COMMENT 'Trace of the span',
    span_id String COMMENT 'Span that the messages belong to',
    input_messages String COMMENT 'Messages to the model, JSON; empty when there are none',
    output_messages String COMMENT 'Messages of the model, JSON; empty when there are none',
    system_instructions String COMMENT 'System instructions, JSON; empty when there are none'
)
AS
WITH (whole, single) -> multiIf(whole != '', whole, empty(single), '', concat('[', arrayStringConcat(arrayMap(m -> m.2, arraySort(single)), ','), ']')) AS together
SELECT
    c.tenant AS tenant,
    c.trace_id AS trace_id,
    c.span_id AS span_id,
    together(anyIf(c.content, c.part = 'input_messages' AND c.digest = 0), groupArrayIf((c.position, c.content), c.part = 'input_messages' AND c.digest != 0)) AS input_messages,
    together(anyIf(c.content, c.part = 'output_messages' AND c.digest = 0), groupArrayIf((c.position, c.content), c.part = 'output_messages' AND c.digest != 0)) AS output_messages,
    anyIf(c.content, c.part = 'system_instructions') AS system_instructions
FROM span_content AS c FINAL
GROUP BY tenant, trace_id, span_id
COMMENT 'The messages of a span that came in log records, put together: what llm_calls joins.';
