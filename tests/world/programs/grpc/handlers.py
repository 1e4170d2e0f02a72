import grpc
from greetings import greet


def unary(request, context):
    return greet(request)


def stream(request, context):
    for number in range(3):
        yield b"%d" % number


def refuse(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Stream": grpc.unary_stream_rpc_method_handler(stream),
    "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
}
