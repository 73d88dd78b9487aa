// A peer that speaks JSON, on Node's own modules, for the tests of hexapod: it does what it is
// told, line by line.
//
//     node json_peer.js join HOST PORT
//     node json_peer.js serve
//
// Standard input:
//
//     send JSON       sends a message, to everybody if it serves
//     long N          sends a text of N characters
//     leave           closes the connections and ends; so does the end of the input
//     die             ends at once, and closes nothing
//
// Standard output:
//
//     listening on ADDR
//     joined, left    somebody has come to the server, has gone
//     got JSON        a message, as it was written
//     long N          a text of N characters has come, each as it should be
//     disconnected    the connection of a client is over
"use strict";

const net = require("net");
const readline = require("readline");

const TERMINATOR = "\0---\0";
const peers = new Set();

function tell(...words) {
  process.stdout.write(words.join(" ") + "\n");
}

function heard(text) {
  const message = JSON.parse(text);
  if (message.action === "long") {
    const whole = message.text === "x".repeat(message.text.length);
    tell("long", whole ? message.text.length : "broken");
  } else {
    tell("got", text);
  }
}

function listenTo(socket, over) {
  let rest = "";
  peers.add(socket);
  socket.setEncoding("utf8");
  socket.setNoDelay(true);
  socket.on("data", (text) => {
    const texts = (rest + text).split(TERMINATOR);
    rest = texts.pop();
    texts.forEach(heard);
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    peers.delete(socket);
    over();
  });
}

function send(text) {
  peers.forEach((socket) => socket.write(text + TERMINATOR));
}

function leave() {
  peers.forEach((socket) => socket.end());
  setTimeout(() => process.exit(0), 50);
}

const [role, host, port] = process.argv.slice(2);
if (role === "join") {
  listenTo(net.connect(Number(port), host), () => {
    tell("disconnected");
    process.exit(0);
  });
} else {
  const server = net.createServer((socket) => {
    tell("joined");
    listenTo(socket, () => tell("left"));
    socket.write('{"action":"connected"}' + TERMINATOR);
  });
  server.listen(0, "127.0.0.1", () => {
    const { address, port } = server.address();
    tell(`listening on ${address}:${port}`);
  });
}

const orders = readline.createInterface({ input: process.stdin });
orders.on("line", (line) => {
  const [order, rest] = [line.split(" ", 1)[0], line.slice(line.indexOf(" ") + 1)];
  if (order === "send") send(rest);
  else if (order === "long") send(JSON.stringify({ action: "long", text: "x".repeat(rest) }));
  else if (order === "leave") leave();
  else if (order === "die") process.exit(1);
  else throw new Error(line);
});
orders.on("close", leave);
