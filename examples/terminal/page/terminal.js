// Tabs of shells, each a WebSocket of its own. Bytes are binary messages, both ways; text messages
// are JSON: resize, taken and end from here; ready, exit and error from the server. Shells go on
// when this page is left, and are here again when it is opened in the same tab of the browser.
import { Terminal } from "./node_modules/@xterm/xterm/lib/xterm.mjs";
import { FitAddon } from "./node_modules/@xterm/addon-fit/lib/addon-fit.mjs";
import { WebLinksAddon } from "./node_modules/@xterm/addon-web-links/lib/addon-web-links.mjs";

const name = location.hash.slice(1) || "desk";
const byId = (id) => document.getElementById(id);
const encoder = new TextEncoder();

// A page cannot stop reading a WebSocket, so it says what it has drawn, whenever that is so much:
// the server sends at most 256 KiB ahead. What Ctrl-C ends has ended on the screen, too, because
// of it.
const TAKEN_BYTES = 32 * 1024;

const THEME = {
  background: "#0c0f14", foreground: "#d9e0ea", cursor: "#5fd7af", cursorAccent: "#0c0f14",
  selectionBackground: "#2f4a5f", black: "#1c2430", brightBlack: "#5b687d",
  red: "#ff8f87", brightRed: "#ffb1ab", green: "#8fd694", brightGreen: "#b3e6b6",
  yellow: "#ffd787", brightYellow: "#ffe7b3", blue: "#87afd7", brightBlue: "#afcdeb",
  magenta: "#d7a1e6", brightMagenta: "#e8c5f2", cyan: "#5fd7af", brightCyan: "#9be8cd",
  white: "#d9e0ea", brightWhite: "#ffffff",
};

const shells = [];
let shown = null;
let count = 0;

// What the shells of this tab of the browser are called.
const KEPT = `shells of ${name}`;
const kept = () => JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
const keep = () => sessionStorage.setItem(KEPT, JSON.stringify(shells.map(({ id }) => id)));

class Shell {
  constructor(id) {
    this.id = id;
    this.number = ++count;
    this.title = `shell ${this.number}`;
    this.state = "opening";
    this.said = "Connecting…";
    this.undrawn = 0;
    this.untold = 0;
    this.attempts = 0;
    this.terminal = new Terminal({
      theme: THEME, fontFamily: '"JetBrains Mono", "Cascadia Code", "DejaVu Sans Mono", monospace',
      fontSize: 14, lineHeight: 1.15, cursorBlink: true, scrollback: 5000, macOptionIsMeta: true,
    });
    this.fitting = new FitAddon();
    this.terminal.loadAddon(this.fitting);
    this.terminal.loadAddon(new WebLinksAddon());
    this.terminal.onData((text) => this.typed(encoder.encode(text)));
    this.terminal.onBinary((text) => this.typed(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    this.terminal.onResize(({ cols, rows }) => this.tell({ type: "resize", cols, rows }));
    this.terminal.onTitleChange((title) => { this.title = title || this.title; draw(); });
    this.place = document.createElement("div");
    this.place.className = "shell";
    byId("shells").append(this.place);
    this.terminal.open(this.place);
    this.fitting.fit();
    this.connect();
  }

  connect() {
    clearTimeout(this.retry);
    const { cols, rows } = this.terminal;
    const where = new URL(`terminal/${encodeURIComponent(name)}?id=${this.id}&cols=${cols}&rows=${rows}`, location.href);
    where.protocol = where.protocol.replace("http", "ws");
    where.hash = "";
    this.becomes("opening", "Connecting…");
    this.undrawn = 0;
    this.untold = 0;
    const socket = this.socket = new WebSocket(where);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.tell({ type: "taken", bytes: 0 }); // there will be more of these
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.heard(JSON.parse(data));
      else this.write(new Uint8Array(data), socket);
    };
    socket.onclose = ({ code, reason }) => {
      if (this.socket !== socket || this.state === "ended") return;
      const delay = Math.min(500 * 2 ** this.attempts++, 15000) * (0.8 + 0.4 * Math.random());
      this.becomes("lost", reason || `Connection lost (${code})`);
      this.retry = setTimeout(() => this.connect(), delay);
    };
  }

  heard(message) {
    if (message.type === "ready") {
      if (message.again) this.terminal.reset(); // what it has shown last follows
      else if (this.attempts) this.note("a new shell: the last one has ended meanwhile");
      this.attempts = 0;
      const { cols, rows } = this.terminal; // which may have changed since the request
      this.tell({ type: "resize", cols, rows });
      this.becomes("open", "Connected");
    } else if (message.type === "exit") {
      const how = message.signal ?? message.code;
      this.becomes("ended", `Ended with ${how}`);
      this.note(`ended with ${how} · Enter starts another`);
    } else if (message.type === "error") {
      this.becomes(this.state, message.message);
      this.note(message.message);
    }
  }

  write(bytes, socket) {
    this.undrawn += bytes.length;
    this.terminal.write(bytes, () => {
      if (this.socket !== socket) return; // it was sent by the one before
      this.undrawn -= bytes.length;
      this.untold += bytes.length;
      if (this.untold < TAKEN_BYTES) return;
      this.tell({ type: "taken", bytes: this.untold });
      this.untold = 0;
    });
  }

  typed(bytes) {
    if (this.state === "ended") {
      if (bytes[0] === 13) this.connect();
    } else if (this.socket.readyState === WebSocket.OPEN) this.socket.send(bytes);
  }

  tell(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  note(text) { this.terminal.write(`\r\n\x1b[0;2m── ${text} ──\x1b[0m\r\n`); }

  becomes(state, said) {
    this.state = state;
    this.said = said;
    draw();
  }

  end() {
    this.state = "ended";
    clearTimeout(this.retry);
    this.tell({ type: "end" });
    this.socket.close(1000);
    this.terminal.dispose();
    this.place.remove();
    shells.splice(shells.indexOf(this), 1);
    keep();
    if (shown === this) show(shells.at(-1) ?? open());
    else draw();
  }
}

function open(id = crypto.getRandomValues(new Uint32Array(2)).join("-")) {
  const shell = new Shell(id);
  shells.push(shell);
  keep();
  show(shell);
  return shell;
}

function show(shell) {
  shown = shell;
  for (const each of shells) each.place.hidden = each !== shell;
  shell.fitting.fit();
  shell.terminal.focus();
  draw();
}

function draw() {
  byId("name").textContent = name;
  byId("tabs").replaceChildren(...shells.map((shell) => {
    const tab = document.createElement("div");
    tab.className = `tab ${shell.state}`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-selected", shell === shown);
    const title = document.createElement("button");
    title.className = "show";
    title.textContent = shell.title;
    title.onclick = () => show(shell);
    const end = document.createElement("button");
    end.className = "end";
    end.textContent = "×";
    end.setAttribute("aria-label", `End ${shell.title}`);
    end.onclick = () => shell.end();
    tab.append(title, end);
    return tab;
  }));
  if (!shown) return;
  document.title = `${shown.title} · ${name}`;
  byId("status").className = shown.state;
  byId("status").textContent = shown.said;
  byId("size").textContent = `${shown.terminal.cols} × ${shown.terminal.rows}`;
}

byId("new").onclick = () => open();
new ResizeObserver(() => {
  for (const shell of shells) shell.fitting.fit();
  draw();
}).observe(byId("shells"));
addEventListener("hashchange", () => location.reload());
globalThis.perdure = { get shown() { return shown; }, shells };
const before = kept();
if (before.length) before.forEach((id) => open(id));
else open();
