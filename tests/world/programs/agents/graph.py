import json
from typing import Annotated, TypedDict

import tools
from langgraph.graph import END, START, StateGraph
from openai import OpenAI

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


class State(TypedDict):
    messages: Annotated[list, lambda before, more: before + more]


def build(url):
    client = OpenAI(base_url=url, api_key="none", max_retries=0)

    def ask(state):
        answer = client.chat.completions.create(model="small", messages=state["messages"], tools=[TOOL])
        return {"messages": [answer.choices[0].message.model_dump(exclude_none=True)]}

    graph = StateGraph(State)
    graph.add_node("ask", ask)
    graph.add_node("act", act)
    graph.add_edge(START, "ask")
    graph.add_conditional_edges("ask", lambda state: "act" if "tool_calls" in state["messages"][-1] else END)
    graph.add_edge("act", "ask")
    return graph.compile()


def act(state):
    (call,) = state["messages"][-1]["tool_calls"]
    answer = tools.weather(**json.loads(call["function"]["arguments"]))
    return {"messages": [{"role": "tool", "tool_call_id": call["id"], "content": answer}]}


def run(url):
    return build(url).invoke({"messages": [{"role": "user", "content": "How is the weather in Bern?"}]})
