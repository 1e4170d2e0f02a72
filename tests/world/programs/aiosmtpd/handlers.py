from spam import score


class Inbox:
    async def handle_DATA(self, server, session, envelope):
        return f"250 scored {score(envelope.content)}"
