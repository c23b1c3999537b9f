#!/usr/bin/python3
"""A small mail server that knows AUTH LOGIN and nothing else, as Gmail's older relatives do.

    login_server.py --dir D [--host H] [--port P] --user U --password W [--implicit-tls] [--until-eof]

The same output, files and faults as mail_server.py (only: connect, auth, quit). The reply to a wrong
login repeats what was sent, which no decent server does: whoever logs replies must be ready for it.
"""

import argparse
import asyncio
import base64
import os
import sys

from mail_server import Store, arguments, make_certificate, never


class Conversation:
    def __init__(self, store, args, reader, writer):
        self.store, self.args = store, args
        self.reader, self.writer = reader, writer
        self.user, self.sender, self.recipients, self.helo = None, None, [], None

    async def say(self, line):
        self.writer.write(line.encode() + b"\r\n")
        await self.writer.drain()

    async def hear(self):
        line = await self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the client is gone")
        return line[:-2].decode("utf-8", "replace")

    async def failed(self, step):
        action = self.store.fault(step)
        if action == "hang":
            await never()
        if action == "drop":
            raise ConnectionError("dropped on purpose")
        if action:
            await self.say(action)
        return bool(action)

    async def auth(self, rest):
        if await self.failed("auth"):
            return
        mechanism, _, initial = rest.partition(" ")
        if mechanism.upper() != "LOGIN":
            await self.say("504 5.5.4 only LOGIN")
            return
        if not initial:
            await self.say("334 " + base64.b64encode(b"Username:").decode())
            initial = await self.hear()
        await self.say("334 " + base64.b64encode(b"Password:").decode())
        sent = await self.hear()
        user, password = (base64.b64decode(s).decode() for s in (initial, sent))
        if (user, password) == (self.args.user, self.args.password):
            self.user = user
            await self.say("235 2.7.0 welcome")
        else:
            await self.say(f"535 5.7.8 no {user} with {password} ({sent})")

    async def data(self):
        await self.say("354 go on")
        lines = []
        while (line := await self.hear()) != ".":
            lines.append(line[1:] if line.startswith(".") else line)
        self.store.add("".join(line + "\r\n" for line in lines).encode(), helo=self.helo, user=self.user,
                       tls=self.args.implicit_tls, **{"from": self.sender, "to": self.recipients})
        await self.say("250 2.0.0 taken")

    async def run(self):
        if await self.failed("connect"):
            return
        await self.say("220 localhost login server")
        while True:
            line = await self.hear()
            verb, _, rest = line.partition(" ")
            verb = verb.upper()
            if verb == "EHLO":
                self.helo = rest
                await self.say("250-localhost")
                await self.say("250 AUTH LOGIN")
            elif verb == "AUTH":
                await self.auth(rest)
            elif verb == "QUIT":
                if not await self.failed("quit"):
                    await self.say("221 2.0.0 bye")
                return
            elif not self.user:
                await self.say("530 5.7.0 log in first")
            elif verb == "MAIL":
                self.sender = rest.partition("<")[2].partition(">")[0]
                await self.say("250 2.1.0 fine")
            elif verb == "RCPT":
                self.recipients.append(rest.partition("<")[2].partition(">")[0])
                await self.say("250 2.1.5 fine")
            elif verb == "DATA":
                await self.data()
            else:
                await self.say("500 5.5.1 what?")


async def serve(args):
    store = Store(args.dir)
    store.set_faults(*args.fault)
    context = make_certificate(args.dir) if args.implicit_tls else None

    async def talk(reader, writer):
        try:
            await Conversation(store, args, reader, writer).run()
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(talk, args.host, args.port, ssl=context)
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    if args.until_eof:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    else:
        await never()
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(serve(arguments(argparse.ArgumentParser(description=__doc__)).parse_args()))
