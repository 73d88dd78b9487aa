"""A client on the real repod for the tests of hexapod: it does what it is told, line by line.

    python repod_client.py HOST PORT

Standard input:

    nick NAME       asks for a nickname, in the words of repod's chat
    say TEXT        says something, in the words of repod's chat
    send LITERAL    sends any message, written as a Python literal
    long N          sends a text of N characters, and tells whether it comes back
    leave           closes the connection and ends; so does the end of the input
    die             ends at once, and closes nothing

Standard output:

    connected       the server has greeted
    got MESSAGE     a message as Python shows it, in ASCII: types and order can be told
    long N          a text of N characters has come back, each as it should be
    error TEXT      there is no connection
    disconnected    the connection is over
"""

import ast
import os
import queue
import sys
import threading
import time

from repod import ConnectionListener


def tell(*words: str) -> None:
    print(*words, flush=True)


class ChatClient(ConnectionListener):
    """Prints what happens. What a chat says has methods of its own, all else the fallback."""

    greeted = False
    over = False

    def Network_connected(self, data: dict) -> None:
        # repod calls this for its own socket first and then for the server's greeting.
        if not self.greeted:
            self.greeted = True
            tell("connected")

    def Network_socketConnect(self, data: dict) -> None:
        pass

    def Network_error(self, data: dict) -> None:
        tell("error", str(data["error"]))
        self.over = True

    def Network_disconnected(self, data: dict) -> None:
        tell("disconnected")
        self.over = True

    def Network_system(self, data: dict) -> None:
        tell("got", ascii(data))

    def Network_players(self, data: dict) -> None:
        tell("got", ascii(data))

    def Network_message(self, data: dict) -> None:
        tell("got", ascii(data))

    def Network_long(self, data: dict) -> None:
        text = data["text"]
        tell("long", str(len(text)) if text == "x" * len(text) else "broken")

    def network_received(self, data: dict) -> None:
        tell("got", ascii(data))

    def obey(self, line: str) -> None:
        order, _, rest = line.partition(" ")
        match order:
            case "nick":
                self.send({"action": "nickname", "nickname": rest})
            case "say":
                self.send({"action": "message", "text": rest})
            case "send":
                self.send(ast.literal_eval(rest))
            case "long":
                self.send({"action": "long", "text": "x" * int(rest)})
            case "leave":
                self.connection.close()
            case "die":
                os._exit(1)
            case _:
                raise ValueError(line)


def read_orders(orders: queue.Queue) -> None:
    for line in sys.stdin:
        orders.put(line.rstrip("\r\n"))
    orders.put("leave")


def main() -> None:
    client = ChatClient()
    client.connect(sys.argv[1], int(sys.argv[2]))
    orders: queue.Queue = queue.Queue()
    threading.Thread(target=read_orders, args=(orders,), daemon=True).start()
    while not client.over:
        client.pump()
        # What is sent before the connection is up, repod loses.
        while client.greeted and not client.over and not orders.empty():
            client.obey(orders.get())
        time.sleep(0.005)
    # The thread may still wait for a line, and the interpreter does not end well around it.
    os._exit(0)


main()
