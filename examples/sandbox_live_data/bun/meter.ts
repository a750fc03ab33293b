// Measures, and tells all who listen: here, how much memory and processor time it takes itself.

const INTERVAL_MS = 50;

function reading(number: number) {
  const { user, system } = process.cpuUsage();
  return JSON.stringify({
    number,
    memory_kib: Math.round(process.memoryUsage().rss / 1024),
    cpu_ms: Math.round((user + system) / 100) / 10,
  });
}

Bun.serve({
  port: 8080,
  hostname: "127.0.0.1",
  fetch(req, server) {
    if (server.upgrade(req, { data: { timer: undefined } })) {
      return;
    }
    return new Response("Upgrade Required", { status: 426 });
  },
  websocket: {
    open(ws) {
      let number = 1;
      ws.send(reading(number));
      ws.data.timer = setInterval(() => ws.send(reading(++number)), INTERVAL_MS);
    },
    message() {},
    close(ws) {
      clearInterval(ws.data.timer);
    },
  },
});
