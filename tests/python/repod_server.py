"""A server on the real repod for the tests of hexapod: it does what it is told, line by line.

    python repod_server.py

Standard input:

    all LITERAL     sends a message to every client, written as a Python literal
    quit            closes all connections and ends; so does the end of the input

Standard output:

    listening on ADDR
    joined, left    a client has come, has gone
    got MESSAGE     a message as Python shows it, in ASCII: types and order can be told
    long N          a text of N characters has come, each as it should be

A message `ping` is answered with `pong` and the same fields, and a message `long` with itself, to
its sender alone.
"""

import ast
import asyncio
import socket
import sys

from repod import Channel, Server


def tell(*words: str) -> None:
    print(*words, flush=True)


class Player(Channel):
    def Network_ping(self, data: dict) -> None:
        tell("got", ascii(data))
        self.send({**data, "action": "pong"})

    def Network_long(self, data: dict) -> None:
        text = data["text"]
        tell("long", str(len(text)) if text == "x" * len(text) else "broken")
        self.send(data)

    def network_received(self, data: dict) -> None:
        tell("got", ascii(data))


class Game(Server):
    channel_class = Player

    def on_connect(self, channel: Player, addr: tuple[str, int]) -> None:
        tell("joined")

    def on_disconnect(self, channel: Player) -> None:
        tell("left")


async def started() -> Game:
    """A server on a free port. repod does not tell which one port 0 became, so ask first."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        game = Game(host="127.0.0.1", port=port)
        try:
            await game.start()
        except OSError:
            continue  # somebody was quicker
        return game


async def main() -> None:
    game = await started()
    tell(f"listening on {game.host}:{game.port}")
    while True:
        line = await asyncio.to_thread(sys.stdin.readline)
        order, _, rest = line.strip().partition(" ")
        if order == "all":
            game.send_to_all(ast.literal_eval(rest))
        elif order in ("quit", ""):
            await game.stop()
            return
        else:
            raise ValueError(line)


asyncio.run(main())
