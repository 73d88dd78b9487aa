"""Two games on the real PodSixNet for the tests of hexapod, each as a player's own program.

    python podsixnet_games.py lag HOST PORT
    python podsixnet_games.py board HOST PORT

`lag` says every ping back from within its handler, and leaves after ping 10.

    ping COUNT          a ping has come, and was said back
    disconnected        the server has closed the connection

`board` keeps what everybody draws in the very lists that the server sent, and appends to them.
Standard input:

    line POINT POINT    draws a line through points, each written X,Y
    show                prints the board
    leave               closes the connection and ends; so does the end of the input

Standard output:

    initial BOARD       what was drawn before, as Python shows it, in ASCII
    players N           so many are here
    points N            so many points are on the board
    board BOARD         the board, as Python shows it, in ASCII
    disconnected        the server has closed the connection
"""

import os
import queue
import sys
import threading
import time
import warnings

warnings.simplefilter("ignore", DeprecationWarning)  # of asyncore, on which it stands

from PodSixNet.Connection import ConnectionListener, connection  # noqa: E402


def tell(*words):
    print(*words, flush=True)


class Player(ConnectionListener):
    over = False

    def Network_disconnected(self, data):
        tell("disconnected")
        self.over = True

    def Network_error(self, data):
        tell("error", str(data["error"]))
        self.over = True

    def turn(self):
        connection.Pump()
        self.Pump()

    def obey(self, line):
        raise ValueError(line)


class Lag(Player):
    def Network_ping(self, data):
        tell("ping", data["count"])
        connection.Send(data)
        self.over = data["count"] == 10


class Board(Player):
    def __init__(self):
        self.drawn = {}

    def Network_initial(self, data):
        self.drawn = data["lines"]
        tell("initial", ascii(self.drawn))

    def Network_players(self, data):
        players = data["players"]
        for who in list(self.drawn):
            if who not in players:
                del self.drawn[who]
        for who, color in players.items():
            self.drawn.setdefault(who, {"color": color, "lines": []})
        tell("players", len(players))

    def Network_startline(self, data):
        self.drawn[data["id"]]["lines"].append([data["point"]])
        self.tell_points()

    def Network_drawpoint(self, data):
        self.drawn[data["id"]]["lines"][-1].append(data["point"])
        self.tell_points()

    def tell_points(self):
        lines = [line for player in self.drawn.values() for line in player["lines"]]
        tell("points", sum(map(len, lines)))

    def obey(self, line):
        order, _, rest = line.partition(" ")
        if order == "line":
            action = "startline"
            for point in rest.split():
                x, y = map(int, point.split(","))
                connection.Send({"action": action, "point": (x, y)})
                action = "drawpoint"
        elif order == "show":
            tell("board", ascii(self.drawn))
        elif order == "leave":
            self.over = True
        else:
            raise ValueError(line)


def read_orders(orders):
    for line in sys.stdin:
        orders.put(line.rstrip("\r\n"))
    orders.put("leave")


def main():
    player = {"lag": Lag, "board": Board}[sys.argv[1]]()
    player.Connect((sys.argv[2], int(sys.argv[3])))
    orders = queue.Queue()
    if sys.argv[1] == "board":
        threading.Thread(target=read_orders, args=(orders,), daemon=True).start()
    while not player.over:
        player.turn()
        while not player.over and not orders.empty():
            player.obey(orders.get())
        time.sleep(0.002)
    player.turn()  # what was said last goes out
    connection.Close()
    os._exit(0)


main()
