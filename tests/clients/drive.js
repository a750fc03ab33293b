// Drives one WebSocket of whatever kind, in Node and in a page: commands go in, events come out.

/**
 * @param make (url, protocols) => the socket
 * @param tell Told of each event: ["open", protocol], ["text", text], ["binary", base64, type],
 *     ["close", code, reason, wasClean]. Bytes are in base64, and type is what they came as.
 */
export function drive(make, tell) {
  let socket;
  const asBase64 = (bytes) => {
    let text = "";
    for (let i = 0; i < bytes.length; i += 4096)
      text += String.fromCharCode(...bytes.subarray(i, i + 4096));
    return btoa(text);
  };
  const onMessage = async ({ data }) => {
    if (typeof data === "string") return tell(["text", data]);
    const buffer = data instanceof ArrayBuffer ? data : await data.arrayBuffer();
    tell(["binary", asBase64(new Uint8Array(buffer)), data.constructor.name]);
  };
  return {
    open(url, protocols, binaryType) {
      socket = make(url, protocols);
      if (binaryType) socket.binaryType = binaryType;
      socket.addEventListener("open", () => tell(["open", socket.protocol]));
      socket.addEventListener("message", onMessage);
      socket.addEventListener("close", ({ code, reason, wasClean }) =>
        tell(["close", code, reason, wasClean]));
      socket.addEventListener("error", () => {});
    },
    binaryType: (type) => (socket.binaryType = type),
    text: (text) => socket.send(text),
    binary: (base64) => socket.send(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))),
    close: (code, reason) => socket.close(code, reason),
  };
}
