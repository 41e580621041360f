"""Who answers at an address: OpenAI's SDK is the client of many providers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from spanbook_schemas import gen_ai

from ._readers import Attributes

# By the end of the host's name. Names that the conventions know come first; the others are the services' own.
_PROVIDERS = {
    "openai.azure.com": "azure.ai.openai",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "models.inference.ai.azure.com": "azure.ai.inference",
    "amazonaws.com": "aws.bedrock",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "api.anthropic.com": "anthropic",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "ml.cloud.ibm.com": "ibm.watsonx.ai",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
    "openrouter.ai": "openrouter",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.fireworks.ai": "fireworks",
    "api.cerebras.ai": "cerebras",
    "api.sambanova.ai": "sambanova",
    "api.hyperbolic.xyz": "hyperbolic",
    "api.deepinfra.com": "deepinfra",
    "integrate.api.nvidia.com": "nvidia",
    "router.huggingface.co": "huggingface",
    "dashscope.aliyuncs.com": "alibaba",
    "dashscope-intl.aliyuncs.com": "alibaba",
    "open.bigmodel.cn": "zhipu",
}
_LOCAL_PORTS = {8000: "vllm", 11434: "ollama", 1234: "lm_studio", 30000: "sglang"}
_LOCAL = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal")


def server_at(url: Any) -> Attributes:
    """Return where a client's requests go, by its base URL."""
    parts = urlsplit(str(url))
    if not parts.hostname:
        return {}
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return {gen_ai.SERVER_ADDRESS: parts.hostname, gen_ai.SERVER_PORT: port}


def provider_of(client: Any, attributes: Attributes) -> None:
    """Name the provider that an OpenAI-shaped client talks to, where its address or its class tells."""
    host, port = attributes[gen_ai.SERVER_ADDRESS], attributes[gen_ai.SERVER_PORT]
    kind = type(client).__name__
    if "Azure" in kind:
        attributes[gen_ai.PROVIDER_NAME] = "azure.ai.openai"
    elif "Bedrock" in kind:
        attributes[gen_ai.PROVIDER_NAME] = "aws.bedrock"
    elif found := _at(host, port):
        attributes[gen_ai.PROVIDER_NAME] = found
    if attributes[gen_ai.PROVIDER_NAME].startswith("azure."):
        attributes[gen_ai.AZURE_RESOURCE_PROVIDER_NAMESPACE] = "Microsoft.CognitiveServices"


@lru_cache(maxsize=256)
def _at(host: str, port: int) -> str | None:
    if host in _LOCAL:
        return _LOCAL_PORTS.get(port)
    return next((name for end, name in _PROVIDERS.items() if host == end or host.endswith(f".{end}")), None)
