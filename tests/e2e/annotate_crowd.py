"""Many people at once on a page of `drover annotate`, each over a connection that stays open."""
import asyncio
import json
import time

from annotate_stand import Person, check


def crowd(server, admin, n):
    """n annotators, called p0, p1, ...; not more often than the limits let one address."""
    people = []
    for i in range(n):
        link = admin.ask("/api/admin/invite", {"role": "annotator", "label": "crowd", "hours": 1})["link"]
        people.append(Person(server, invite=link.split("#invite=")[1], name=f"p{i}"))
        time.sleep(0.01 if i < 100 else 0.26)
    return people


class Talk:
    """One connection that stays open, as a browser's does; opened again when the server was killed."""

    def __init__(self, server, person):
        self.server, self.cookie, self.csrf, self.streams = server, person.cookie, person.csrf, None

    async def ask(self, path, body=None):
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.server.port, limit=1 << 24)
        reader, writer = self.streams
        text = b"" if body is None else json.dumps(body).encode()
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: {self.server.host}\r\nCookie: {self.cookie}\r\n"
        if body is not None:
            head += f"Origin: http://{self.server.host}\r\nContent-Type: application/json\r\nX-CSRF-Token: {self.csrf}\r\nContent-Length: {len(text)}\r\n"
        try:
            writer.write(head.encode() + b"\r\n" + text)
            await writer.drain()
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            length = next(int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length"))
            data = await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            self.streams = None
            writer.close()
            raise ConnectionError from None
        status = int(lines[0].split()[1])
        check(status in (200, 409), path, status, data[:200])
        return json.loads(data)

    async def insist(self, path, body=None):
        while True:
            try:
                return await self.ask(path, body)
            except ConnectionError:
                await asyncio.sleep(0.2)
