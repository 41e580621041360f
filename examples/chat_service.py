"""A chat service with sessions and thumbs: each request a trace, told to the caller for the feedback to come.

OPENAI_API_KEY=… python examples/chat_service.py, against `spanbook serve`; then
curl localhost:8000/chat --json '{"session": "s1", "user": "ann", "text": "Hello"}'.
"""

import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel

import spanbook

MODEL = os.environ.get("MODEL", "gpt-4o-mini")


class Said(BaseModel):
    session: str
    user: str
    text: str


class Answer(BaseModel):
    text: str
    trace_id: str


class Thumb(BaseModel):
    trace_id: str
    user: str
    up: bool
    why: str | None = None


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncOpenAI() as app.state.client:
        yield
    spanbook.flush()  # uvicorn ends the process by a signal, which leaves exit handlers out


app = FastAPI(lifespan=running)
histories: defaultdict[str, list[ChatCompletionMessageParam]] = defaultdict(list)


@app.post("/chat")
async def chat(said: Said) -> Answer:
    client: AsyncOpenAI = app.state.client
    history = histories[said.session]
    history.append({"role": "user", "content": said.text})
    with spanbook.context(session_id=said.session, user_id=said.user), spanbook.start_span("POST /chat") as span:
        span.set_inputs(said.text)
        reply = await client.chat.completions.create(model=MODEL, messages=history)
        text = reply.choices[0].message.content or ""
        span.set_outputs(text)
    history.append({"role": "assistant", "content": text})
    return Answer(text=text, trace_id=span.trace_id)


@app.post("/thumb")
async def thumb(given: Thumb) -> None:
    source = spanbook.AssessmentSource("HUMAN", given.user)
    spanbook.log_feedback(trace_id=given.trace_id, name="thumb", value=given.up, rationale=given.why, source=source)


def main() -> None:
    spanbook.openai.autolog()
    spanbook.set_experiment("chat service")
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")), log_level="warning")


if __name__ == "__main__":
    main()
