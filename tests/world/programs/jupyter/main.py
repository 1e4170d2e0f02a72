from jupyter_client.manager import start_new_kernel

CELLS = (
    "import sums; print(sums.total([1, 2]))",
    "await sums.later([3, 4])",
    "sums.total([1, 'two'])",
)

manager, client = start_new_kernel(kernel_name="python3")


def show(message):
    kind, content = message["msg_type"], message["content"]
    print(kind, content.get("text") or content.get("data") or content.get("ename") or content.get("execution_state"))


for cell in CELLS:
    reply = client.execute_interactive(cell, output_hook=show, timeout=50)
    print(reply["content"]["status"])
client.stop_channels()
manager.shutdown_kernel()
