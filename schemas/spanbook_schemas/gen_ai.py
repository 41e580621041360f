"""Attribute, event and metric names of the OpenTelemetry GenAI conventions, spelled once.

They are those of release v0.1.0 of `open-telemetry/semantic-conventions-genai`, with the few general names that its
spans carry. Instrumentors write them; the collector's normalize stage adds them to what other dialects sent.
"""

CONVENTIONS_VERSION = "0.1.0"

OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
CONVERSATION_ID = "gen_ai.conversation.id"
CONVERSATION_COMPACTED = "gen_ai.conversation.compacted"
OUTPUT_TYPE = "gen_ai.output.type"

REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
REQUEST_STREAM_CURSOR = "gen_ai.request.stream_cursor"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_TOP_P = "gen_ai.request.top_p"
REQUEST_TOP_K = "gen_ai.request.top_k"
REQUEST_STOP_SEQUENCES = "gen_ai.request.stop_sequences"
REQUEST_FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY = "gen_ai.request.presence_penalty"
REQUEST_SEED = "gen_ai.request.seed"
REQUEST_CHOICE_COUNT = "gen_ai.request.choice.count"
REQUEST_REASONING_LEVEL = "gen_ai.request.reasoning.level"
REQUEST_PREVIOUS_RESPONSE_ID = "gen_ai.request.previous_response.id"
REQUEST_ENCODING_FORMATS = "gen_ai.request.encoding_formats"

RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_STATUS = "gen_ai.response.status"
RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"  # seconds

# Totals include what was read from or written to a cache; the parts say how much.
USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ_INPUT_TOKENS = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE_INPUT_TOKENS = "gen_ai.usage.cache_write.input_tokens"
USAGE_REASONING_OUTPUT_TOKENS = "gen_ai.usage.reasoning.output_tokens"
USAGE_TEXT_INPUT_TOKENS = "gen_ai.usage.text.input_tokens"
USAGE_IMAGE_INPUT_TOKENS = "gen_ai.usage.image.input_tokens"
USAGE_AUDIO_INPUT_TOKENS = "gen_ai.usage.audio.input_tokens"
USAGE_TEXT_OUTPUT_TOKENS = "gen_ai.usage.text.output_tokens"
USAGE_IMAGE_OUTPUT_TOKENS = "gen_ai.usage.image.output_tokens"
USAGE_AUDIO_OUTPUT_TOKENS = "gen_ai.usage.audio.output_tokens"
USAGE_TEXT_CACHE_READ_INPUT_TOKENS = "gen_ai.usage.text.cache_read.input_tokens"
USAGE_IMAGE_CACHE_READ_INPUT_TOKENS = "gen_ai.usage.image.cache_read.input_tokens"
USAGE_AUDIO_CACHE_READ_INPUT_TOKENS = "gen_ai.usage.audio.cache_read.input_tokens"

EMBEDDINGS_DIMENSION_COUNT = "gen_ai.embeddings.dimension.count"

AGENT_ID = "gen_ai.agent.id"
AGENT_NAME = "gen_ai.agent.name"
AGENT_DESCRIPTION = "gen_ai.agent.description"
AGENT_VERSION = "gen_ai.agent.version"

TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_DESCRIPTION = "gen_ai.tool.description"
TOOL_CALL_ID = "gen_ai.tool.call.id"

DATA_SOURCE_ID = "gen_ai.data_source.id"
RETRIEVAL_TOP_K = "gen_ai.retrieval.top_k"

PROMPT_NAME = "gen_ai.prompt.name"
PROMPT_VERSION = "gen_ai.prompt.version"

# Content: structured values in events, JSON text on spans
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
TOOL_DEFINITIONS = "gen_ai.tool.definitions"
TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT = "gen_ai.tool.call.result"
RETRIEVAL_QUERY_TEXT = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS = "gen_ai.retrieval.documents"
MEMORY_QUERY_TEXT = "gen_ai.memory.query.text"
MEMORY_RECORDS = "gen_ai.memory.records"
CONTENT = frozenset(
    {
        INPUT_MESSAGES,
        OUTPUT_MESSAGES,
        SYSTEM_INSTRUCTIONS,
        TOOL_DEFINITIONS,
        TOOL_CALL_ARGUMENTS,
        TOOL_CALL_RESULT,
        RETRIEVAL_QUERY_TEXT,
        RETRIEVAL_DOCUMENTS,
        MEMORY_QUERY_TEXT,
        MEMORY_RECORDS,
    }
)

EVALUATION_NAME = "gen_ai.evaluation.name"
EVALUATION_SCORE_VALUE = "gen_ai.evaluation.score.value"
EVALUATION_SCORE_LABEL = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION = "gen_ai.evaluation.explanation"

MCP_METHOD_NAME = "mcp.method.name"
MCP_PROTOCOL_VERSION = "mcp.protocol.version"
MCP_RESOURCE_URI = "mcp.resource.uri"
MCP_SESSION_ID = "mcp.session.id"

OPENAI_API_TYPE = "openai.api.type"
OPENAI_REQUEST_SERVICE_TIER = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER = "openai.response.service_tier"
OPENAI_RESPONSE_SYSTEM_FINGERPRINT = "openai.response.system_fingerprint"
AZURE_RESOURCE_PROVIDER_NAMESPACE = "azure.resource_provider.namespace"
AWS_BEDROCK_GUARDRAIL_ID = "aws.bedrock.guardrail.id"
AWS_BEDROCK_KNOWLEDGE_BASE_ID = "aws.bedrock.knowledge_base.id"
OF_ONE_PROVIDER = ("openai.", "azure.", "aws.bedrock.")  # on that provider's spans, never in events or metrics

# General names that GenAI spans carry
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"
ERROR_MESSAGE = "error.message"
CLIENT_ADDRESS = "client.address"
CLIENT_PORT = "client.port"
NETWORK_TRANSPORT = "network.transport"
NETWORK_PROTOCOL_NAME = "network.protocol.name"
NETWORK_PROTOCOL_VERSION = "network.protocol.version"
JSONRPC_REQUEST_ID = "jsonrpc.request.id"
RPC_RESPONSE_STATUS_CODE = "rpc.response.status_code"
HTTP_REQUEST_RESEND_COUNT = "http.request.resend_count"
SESSION_ID = "session.id"
USER_ID = "user.id"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"

# Values of `gen_ai.operation.name`
CHAT = "chat"
GENERATE_CONTENT = "generate_content"
TEXT_COMPLETION = "text_completion"
EMBEDDINGS = "embeddings"
RETRIEVAL = "retrieval"
FETCH_RESPONSE = "fetch_response"
CREATE_AGENT = "create_agent"
INVOKE_AGENT = "invoke_agent"
INVOKE_WORKFLOW = "invoke_workflow"
EXECUTE_TOOL = "execute_tool"
PLAN = "plan"

# Event names of log records
INFERENCE_DETAILS_EVENT = "gen_ai.client.inference.operation.details"
OPERATION_EXCEPTION_EVENT = "gen_ai.client.operation.exception"
EVALUATION_RESULT_EVENT = "gen_ai.evaluation.result"

# Client metrics
INFERENCE_DURATION = "gen_ai.client.inference.duration"
INFERENCE_TIME_TO_FIRST_CHUNK = "gen_ai.client.inference.time_to_first_chunk"
INFERENCE_TIME_PER_OUTPUT_CHUNK = "gen_ai.client.inference.time_per_output_chunk"
INFERENCE_INPUT_TOKENS = "gen_ai.client.inference.operation.input_tokens"
INFERENCE_OUTPUT_TOKENS = "gen_ai.client.inference.operation.output_tokens"
INFERENCE_USAGE = {  # counter -> the span attribute it counts
    "gen_ai.client.inference.usage.input_tokens": USAGE_INPUT_TOKENS,
    "gen_ai.client.inference.usage.output_tokens": USAGE_OUTPUT_TOKENS,
    "gen_ai.client.inference.usage.cache_read.input_tokens": USAGE_CACHE_READ_INPUT_TOKENS,
    "gen_ai.client.inference.usage.cache_write.input_tokens": USAGE_CACHE_WRITE_INPUT_TOKENS,
    "gen_ai.client.inference.usage.reasoning.output_tokens": USAGE_REASONING_OUTPUT_TOKENS,
}
USAGE_BY_MODALITY = {  # span attribute of a total -> the attributes of its parts
    USAGE_INPUT_TOKENS: {
        "text": USAGE_TEXT_INPUT_TOKENS,
        "image": USAGE_IMAGE_INPUT_TOKENS,
        "audio": USAGE_AUDIO_INPUT_TOKENS,
    },
    USAGE_OUTPUT_TOKENS: {
        "text": USAGE_TEXT_OUTPUT_TOKENS,
        "image": USAGE_IMAGE_OUTPUT_TOKENS,
        "audio": USAGE_AUDIO_OUTPUT_TOKENS,
    },
    USAGE_CACHE_READ_INPUT_TOKENS: {
        "text": USAGE_TEXT_CACHE_READ_INPUT_TOKENS,
        "image": USAGE_IMAGE_CACHE_READ_INPUT_TOKENS,
        "audio": USAGE_AUDIO_CACHE_READ_INPUT_TOKENS,
    },
}
OPERATION_DURATION = "gen_ai.client.operation.duration"  # client calls that are not inference
MCP_CLIENT_DURATION = "mcp.client.operation.duration"
MCP_SERVER_DURATION = "mcp.server.operation.duration"
TOOL_DURATION = "gen_ai.execute_tool.duration"
AGENT_DURATION = "gen_ai.invoke_agent.duration"
TOKEN_MODALITY = "gen_ai.token.modality"
