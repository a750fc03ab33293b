// A WebSocket echo server with Bun: bun bun_server.js PORT
Bun.serve({
  port: Number(process.argv[2]),
  hostname: "127.0.0.1",
  fetch(request, server) {
    if (!server.upgrade(request)) return new Response("plain\n");
  },
  websocket: { message(socket, message) { socket.send(message); } },
});
