import subprocess
import sys

import grpc


def call(channel):
    print(channel.unary_unary("/shop.Shop/Unary")(b"ada"))
    print(list(channel.unary_stream("/shop.Shop/Stream")(b"")))
    try:
        channel.unary_unary("/shop.Shop/Refuse")(b"")
    except grpc.RpcError as error:
        print(error.code(), error.details())


def main():
    command = [sys.executable, "server.py"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        with grpc.insecure_channel(f"127.0.0.1:{server.stdout.readline().strip()}") as channel:
            call(channel)
        server.stdin.close()
    print(server.returncode)
