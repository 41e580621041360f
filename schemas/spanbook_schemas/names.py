"""Names of Spanbook's own on the wire: what the conventions have no word for."""

# Where a span belongs: on the resource, or on a span, which then overrides its resource
EXPERIMENT_ID = "spanbook.experiment.id"
EXPERIMENT_NAME = "spanbook.experiment.name"
MODEL_ID = "spanbook.model.id"
MODEL_NAME = "spanbook.model.name"
RUN_ID = "spanbook.run.id"

# On spans
SPAN_TYPE = "spanbook.span.type"
INPUT = "spanbook.input"  # what a traced function was called with, JSON
OUTPUT = "spanbook.output"  # what it returned, JSON
TAG_PREFIX = "spanbook.tag."  # a tag of the trace: `spanbook.tag.<key>`
METADATA_PREFIX = "spanbook.metadata."  # a fact about the trace that does not change
STREAM_END = "spanbook.stream.end"  # "abandoned": the application stopped reading

# Assessments, in `gen_ai.evaluation.result` (feedback) and `spanbook.expectation` events
EXPECTATION_EVENT = "spanbook.expectation"
ASSESSMENT_ID = "spanbook.assessment.id"
ASSESSMENT_NAME = "spanbook.assessment.name"  # of an expectation; feedback uses `gen_ai.evaluation.name`
ASSESSMENT_VALUE = "spanbook.assessment.value"  # JSON
ASSESSMENT_RATIONALE = "spanbook.assessment.rationale"
ASSESSMENT_SOURCE_TYPE = "spanbook.assessment.source.type"
ASSESSMENT_SOURCE_ID = "spanbook.assessment.source.id"
ASSESSMENT_ERROR_CODE = "spanbook.assessment.error.code"
ASSESSMENT_ERROR_MESSAGE = "spanbook.assessment.error.message"
ASSESSMENT_METADATA = "spanbook.assessment.metadata"  # JSON
ASSESSMENT_OVERRIDES = "spanbook.assessment.overrides"  # id of the assessment that this one replaces

# Entities: log events named `spanbook.<entity>`, each with the entity's id and what changed
EXPERIMENT_EVENT = "spanbook.experiment"
EXPERIMENT_DESCRIPTION = "spanbook.experiment.description"
EXPERIMENT_TAG_PREFIX = "spanbook.experiment.tag."
LOGGED_MODEL_EVENT = "spanbook.logged_model"
LOGGED_MODEL_ID = "spanbook.logged_model.id"
LOGGED_MODEL_NAME = "spanbook.logged_model.name"
LOGGED_MODEL_TYPE = "spanbook.logged_model.type"
LOGGED_MODEL_STATUS = "spanbook.logged_model.status"  # PENDING, READY, FAILED
LOGGED_MODEL_PARAM_PREFIX = "spanbook.logged_model.param."
LOGGED_MODEL_TAG_PREFIX = "spanbook.logged_model.tag."
TRACE_TAG_EVENT = "spanbook.trace.tag"
