"""A language model on loopback: it asks for the tool that it is given, then says what that has answered."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer(asked)).encode())

    def log_message(self, *_):
        pass


def answer(asked):
    last = asked["messages"][-1]
    message = {"role": "assistant", "content": f"It is {last['content']}."}
    if last["role"] != "tool":
        function = {"name": asked["tools"][0]["function"]["name"], "arguments": '{"place": "Bern"}'}
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call", "type": "function", "function": function}],
        }
    return {
        "id": "answer",
        "object": "chat.completion",
        "created": 0,
        "model": asked["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


@contextmanager
def serving():
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
