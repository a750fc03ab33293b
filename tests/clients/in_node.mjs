// node in_node.mjs KIND: a client whose commands are lines of JSON, [method, ...arguments].

import { createInterface } from "node:readline";
import { drive } from "./drive.js";

const SOON = { minReconnectionDelay: 20, maxReconnectionDelay: 200, minUptime: 0 };

const KINDS = {
  "node": async () => (url, protocols) => new WebSocket(url, protocols),
  "partysocket": async () => {
    const { PartySocket } = await import("partysocket");
    return (url, protocols) => {
      // It makes the URL itself: /parties/PARTY/ROOM.
      const { host, pathname } = new URL(url);
      const [party, room] = pathname.split("/").slice(-2);
      return new PartySocket({ host, party, room, protocols, ...SOON });
    };
  },
  "reconnecting-websocket": async () => {
    const { default: library } = await import("reconnecting-websocket");
    return (url, protocols) => new (library.default ?? library)(url, protocols, SOON);
  },
};

const tell = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const driver = drive(await KINDS[process.argv[2]](), tell);
for await (const line of createInterface({ input: process.stdin })) {
  const [method, ...args] = JSON.parse(line);
  driver[method](...args);
}
process.exit();
