"""A client on the real PodSixNet for the tests of hexapod: it does what it is told, line by line.

    python podsixnet_client.py HOST PORT

Standard input:

    nick NAME       asks for a nickname, in the words of PodSixNet's chat
    say TEXT        says something, in the words of PodSixNet's chat
    send LITERAL    sends any message, written as a Python literal
    long N          sends a text of N characters, and tells whether it comes back
    echo            from now on says back whatever it hears, and tells nothing of it
    leave           closes the connection and ends; so does the end of the input
    die             ends at once, and closes nothing

Standard output:

    connected       the server has greeted
    got MESSAGE     a message as Python shows it, in ASCII: types and order can be told
    long N          a text of N characters has come back, each as it should be
    echoes          the order to echo has been taken
    error TEXT      there is no connection
    disconnected    the connection is over
"""

import ast
import os
import queue
import sys
import threading
import time
import warnings

warnings.simplefilter("ignore", DeprecationWarning)  # of asyncore, on which it stands

from PodSixNet.Connection import ConnectionListener, connection  # noqa: E402

EVENTS = ("socketConnect", "connected", "error", "disconnected")


def tell(*words):
    print(*words, flush=True)


class Client(ConnectionListener):
    """Prints what happens. All messages come to `Network`, after a method of their own."""

    greeted = False
    echoes = False
    over = False

    def Network_connected(self, data):
        if not self.greeted:
            self.greeted = True
            tell("connected")

    def Network_error(self, data):
        tell("error", str(data["error"]))
        self.over = True

    def Network_disconnected(self, data):
        tell("disconnected")
        self.over = True

    def Network(self, data):
        if data["action"] in EVENTS:
            return
        if self.echoes:
            connection.Send(data)
            return
        if data["action"] == "long":
            text = data["text"]
            tell("long", len(text) if text == "x" * len(text) else "broken")
            return
        tell("got", ascii(data))

    def obey(self, line):
        order, _, rest = line.partition(" ")
        if order == "nick":
            connection.Send({"action": "nickname", "nickname": rest})
        elif order == "say":
            connection.Send({"action": "message", "message": rest})
        elif order == "send":
            connection.Send(ast.literal_eval(rest))
        elif order == "long":
            connection.Send({"action": "long", "text": "x" * int(rest)})
        elif order == "echo":
            self.echoes = True
            tell("echoes")
        elif order == "leave":
            # It would tell so in its queue, which the next Pump clears.
            connection.Close()
            self.over = True
        elif order == "die":
            os._exit(1)
        else:
            raise ValueError(line)


def read_orders(orders):
    for line in sys.stdin:
        orders.put(line.rstrip("\r\n"))
    orders.put("leave")


def main():
    client = Client()
    client.Connect((sys.argv[1], int(sys.argv[2])))
    orders = queue.Queue()
    threading.Thread(target=read_orders, args=(orders,), daemon=True).start()
    while not client.over:
        connection.Pump()
        client.Pump()
        while client.greeted and not client.over and not orders.empty():
            client.obey(orders.get())
        time.sleep(0.002)
    os._exit(0)


main()
