"""Reranking, which Cohere began and others copied: `retrieval` to the conventions, that find no other word for it.

Documents that were given come back in the order of their relevance. What counts as tokens or searches here has no
attribute on such spans.
"""

from __future__ import annotations

from typing import Any

from spanbook_schemas import gen_ai

from ._fields import field, integer, items, number, text
from ._readers import Attributes, Fields, Reader


class Rerank(Reader):
    """Reads `/rerank`."""

    operation = gen_ai.RETRIEVAL

    def request(self, request: Fields) -> Attributes:
        return {
            gen_ai.REQUEST_MODEL: text(request.get("model")),
            gen_ai.RETRIEVAL_TOP_K: integer(request.get("top_n")),
        }

    def request_content(self, request: Fields) -> Attributes:
        return {gen_ai.RETRIEVAL_QUERY_TEXT: text(request.get("query"))}

    def response_content(self, response: Any) -> Attributes:
        results = items(field(response, "results")) or items(field(field(response, "data"), "results"))
        return {gen_ai.RETRIEVAL_DOCUMENTS: [_document(result) for result in results] or None}


def _document(result: Any) -> dict[str, Any]:
    """Return what is told of a document; as a rule where it stood in the request, and not its text."""
    given = field(result, "document")
    told = {
        "id": text(field(given, "id")),
        "index": integer(field(result, "index")),
        "score": number(field(result, "relevance_score")),
        "content": text(given) or text(field(given, "text")),
    }
    return {name: value for name, value in told.items() if value is not None}
