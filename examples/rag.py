"""Questions answered from documents: embeddings, a retriever whose findings are kept, and a check of the answer.

OPENAI_API_KEY=… python examples/rag.py "What is a span?", against `spanbook serve`.
"""

import os
import sys
from collections.abc import Sequence

from openai import OpenAI

import spanbook

MODEL = os.environ.get("MODEL", "gpt-4o-mini")
EMBEDDING_MODEL = os.environ.get("EMBEDDING_MODEL", "text-embedding-3-small")
DOCUMENTS = (
    "A span is one step of a request: it has a name, a start, an end and attributes.",
    "A trace is the tree of all spans of one request.",
    "A session is what one user did in one sitting: several traces.",
)


class Library:
    """Documents with their vectors, all in memory."""

    def __init__(self, client: OpenAI, documents: Sequence[str]) -> None:
        self._client = client
        self._documents = documents
        self._vectors = self._embed(documents)

    @spanbook.retriever(name="library")
    def search(self, query: str, top_k: int = 2) -> list[dict[str, object]]:
        (vector,) = self._embed([query])
        scores = [nearness(vector, other) for other in self._vectors]
        best = sorted(range(len(scores)), key=lambda number: scores[number], reverse=True)[:top_k]
        return [{"id": str(number), "score": scores[number], "content": self._documents[number]} for number in best]

    def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        answer = self._client.embeddings.create(model=EMBEDDING_MODEL, input=list(texts))
        return [item.embedding for item in answer.data]


def nearness(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@spanbook.trace
def answer(client: OpenAI, library: Library, question: str) -> str:
    found = library.search(question)
    sources = "\n".join(str(document["content"]) for document in found)
    said = client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "system", "content": f"Answer from these sources alone:\n{sources}"},
            {"role": "user", "content": question},
        ],
    )
    text = said.choices[0].message.content or ""
    spanbook.log_feedback(name="short", value=len(text) < 200, rationale=f"{len(text)} characters")
    return text


def main() -> None:
    spanbook.openai.autolog()
    spanbook.set_experiment("rag")
    client = OpenAI()
    library = Library(client, DOCUMENTS)
    print(answer(client, library, sys.argv[1] if len(sys.argv) > 1 else "What is a span?"))
    print('spanbook sql "SELECT query, documents FROM retrievals ORDER BY start_time DESC LIMIT 5"')


if __name__ == "__main__":
    main()
