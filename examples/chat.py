"""A chat in the terminal: every turn a trace of one session, with a thumb for the last answer.

OPENAI_API_KEY=… python examples/chat.py, against `spanbook serve`; type, and end with an empty line.
"""

import os
import sys

from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

import spanbook

MODEL = os.environ.get("MODEL", "gpt-4o-mini")


def main() -> None:
    spanbook.openai.autolog()
    spanbook.set_experiment("chat")
    client = OpenAI()
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": "Answer in one sentence."}]
    trace_id = None

    with spanbook.context(session_id=f"chat-{os.getpid()}", user_id=os.environ.get("USER", "somebody")):
        for line in sys.stdin:
            if not line.strip():
                break
            messages.append({"role": "user", "content": line.strip()})
            with spanbook.start_span("turn") as turn:
                turn.set_inputs(line.strip())
                answer = client.chat.completions.create(model=MODEL, messages=messages).choices[0].message.content
                turn.set_outputs(answer)
            trace_id = turn.trace_id
            messages.append({"role": "assistant", "content": answer})
            print(answer, flush=True)

    if trace_id:
        person = spanbook.AssessmentSource("HUMAN", os.environ.get("USER", "somebody"))
        spanbook.log_feedback(trace_id=trace_id, name="thumb", value=True, source=person)
        print("spanbook sql \"SELECT session_id, input, output, cost_usd FROM traces WHERE experiment_name = 'chat'\"")


if __name__ == "__main__":
    main()
