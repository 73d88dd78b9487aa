"""A server on the real PodSixNet for the tests of hexapod: it does what it is told, line by line.

    python podsixnet_server.py

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
import os
import queue
import sys
import threading
import time
import warnings

warnings.simplefilter("ignore", DeprecationWarning)  # of asyncore, on which it stands

from PodSixNet.Channel import Channel  # noqa: E402
from PodSixNet.Server import Server  # noqa: E402


def tell(*words):
    print(*words, flush=True)


class Player(Channel):
    def Network_ping(self, data):
        self.Send(dict(data, action="pong"))

    def Network_long(self, data):
        text = data["text"]
        tell("long", len(text) if text == "x" * len(text) else "broken")
        self.Send(data)

    def Network(self, data):
        if data["action"] != "long":
            tell("got", ascii(data))

    def Close(self):
        players.remove(self)
        tell("left")


class Game(Server):
    channelClass = Player

    def Connected(self, channel, addr):
        players.append(channel)
        tell("joined")


players = []


def read_orders(orders):
    for line in sys.stdin:
        orders.put(line.rstrip("\r\n"))
    orders.put("quit")


def main():
    game = Game(localaddr=("127.0.0.1", 0))
    host, port = game.socket.getsockname()
    tell("listening on %s:%d" % (host, port))
    orders = queue.Queue()
    threading.Thread(target=read_orders, args=(orders,), daemon=True).start()
    while True:
        game.Pump()
        while not orders.empty():
            order, _, rest = orders.get().partition(" ")
            if order == "all":
                for player in players:
                    player.Send(ast.literal_eval(rest))
            elif order == "quit":
                for player in players:
                    player.close()
                os._exit(0)
            else:
                raise ValueError(order)
        time.sleep(0.002)


main()
