import asyncio
import signal
import sys

from tornado.web import Application
from handlers import Broken, Hello


async def main(port):
    app = Application([(r"/hello/(\w+)", Hello), ("/broken", Broken)])
    app.listen(port, "127.0.0.1")
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


asyncio.run(main(int(sys.argv[1])))
