// What Node.js runs for a JavaScript context: one REPL, and the two pipes over which it is asked and tells.
"use strict";
const domain = require("node:domain");
const fs = require("node:fs");
const net = require("node:net");
const repl = require("node:repl");
const readline = require("node:readline");
const util = require("node:util");
const { Console } = require("node:console");
const { Writable, PassThrough } = require("node:stream");

// Called with what a run has thrown, or null and what it has given; null when nothing runs.
let finish = null;

const [ASKED, TELLS] = process.argv.slice(2).map(Number);
const PIECE = 64 * 1024;
const JSON_SIZE_MAX = 4 * 1024 * 1024;

function tell(message) {
  // At once: what a loop writes that never ends is not to pile up here.
  let data = Buffer.from(JSON.stringify(message) + "\n");
  while (data.length) data = data.subarray(fs.writeSync(TELLS, data));
}

function told(type) {
  return new Writable({
    decodeStrings: false,
    write(chunk, encoding, done) {
      const text = typeof chunk === "string" ? chunk : chunk.toString();
      for (let i = 0; i < text.length; i += PIECE) tell({ type, text: text.slice(i, i + PIECE) });
      done();
    },
  });
}

const stdout = told("stdout");
const stderr = told("stderr");
for (const [name, stream] of Object.entries({ stdout, stderr })) {
  process[name].write = (chunk, encoding, done) => stream.write(chunk, encoding, done);
}

// The REPL gives its domain, if it has one, what the code of a run throws; and so does Node.js with
// what callbacks of code throw that has ended, but this it marks.
const errors = domain.create();
errors.on("error", (error) => {
  if (finish !== null && !(error && error.domainThrown)) finish(error);
  else uncaught(error);
});

// What the REPL itself prints is for nobody.
const server = repl.start({
  prompt: "",
  input: new PassThrough(),
  output: new Writable({ write: (chunk, encoding, done) => done() }),
  terminal: false,
  breakEvalOnSigint: true,
  domain: errors,
});
Object.defineProperty(server.context, "console", {
  configurable: true,
  writable: true,
  value: new Console({ stdout, stderr }),
});
const interrupt = () => server.emit("SIGINT");
process.on("SIGINT", interrupt);
process.on("uncaughtException", uncaught);
process.on("unhandledRejection", uncaught);

// Of what code has left behind: no reason to lose all that it has made.
function uncaught(error) {
  stderr.write(`Uncaught ${util.inspect(error)}\n`);
}

function shown(value) {
  const result = { type: "result", text: util.inspect(value) };
  if (typeof value === "object" && value !== null) {
    try {
      const text = JSON.stringify(value);
      if (text !== undefined && text.length <= JSON_SIZE_MAX) result.json = JSON.parse(text);
    } catch {
      // It has no JSON: it is shown as text.
    }
  }
  return result;
}

function isOfCode(line) {
  return !(line.startsWith("    at ") && (line.includes("node:") || line.includes(__filename)));
}

function failed(thrown) {
  const error = thrown instanceof repl.Recoverable ? thrown.err : thrown;
  const isError = typeof error === "object" && error !== null && "message" in error;
  return {
    type: "error",
    ename: isError ? String(error.name) : "Error",
    evalue: isError ? String(error.message) : util.inspect(error),
    traceback: isError ? String(error.stack).split("\n").filter(isOfCode) : [],
  };
}

let count = 0;
// No stream of fs: a process does not exit while a thread of its reads.
const asked = new net.Socket({ fd: ASKED, readable: true, writable: false });
const requests = readline.createInterface({ input: asked });
requests.on("line", (line) => {
  const number = (count += 1);
  // Once: code that was interrupted may still come to an end.
  finish = (error, ...values) => {
    if (number !== count || finish === null) return;
    finish = null;
    if (values.length === 0) tell(failed(error));
    else if (values[0] !== undefined) tell(shown(values[0]));
    tell({ type: "end", execution_count: number });
  };
  const done = finish;
  // Until it waits for something, the REPL breaks it by a handler of its own, which bears no other.
  process.off("SIGINT", interrupt);
  server.eval(JSON.parse(line).code, server.context, `cell-${number}`, (error, value) => {
    if (error) done(error);
    else done(null, value);
  });
  process.on("SIGINT", interrupt);
});
requests.on("close", () => process.exit(0));
tell({ type: "ready" });
