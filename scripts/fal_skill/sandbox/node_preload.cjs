"use strict";
// Leads the sockets of an unmodified Node program to the fal sandbox. Loaded by NODE_OPTIONS=--require.
//
// Why it is needed: before version 24, fetch and WebSocket ignore HTTPS_PROXY, and no environment variable of Node
// changes where they connect. Every client socket of Node (fetch, WebSocket, http, https, tls, ws) passes through
// net.Socket.prototype.connect, so this one function is replaced. It can go when all supported versions honour
// HTTPS_PROXY for fetch and WebSocket without being asked.

const where = process.env.FAL_SANDBOX;
if (where) {
  const net = require("net");
  const [proxyPort, tlsPort] = where.split(":").map(Number);
  const allowed = new Set((process.env.FAL_SANDBOX_ALLOW || "").toLowerCase().split(",").filter(Boolean));
  const falHost = /(^|\.)(fal\.run|fal\.ai|fal\.media|falrun\.com)\.?$/;
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+|0\.0\.0\.0|::)$/;
  const connect = net.Socket.prototype.connect;

  // connect(options[, listener]), connect(path[, listener]), connect(port[, host][, listener]), or Node's own
  // already normalized [options, listener].
  const optionsOf = (args) => {
    const first = args[0];
    if (Array.isArray(first)) return first[0];
    if (first !== null && typeof first === "object") return first;
    if (typeof first === "string" && !/^\d+$/.test(first)) return { path: first };
    return { port: first, host: typeof args[1] === "string" ? args[1] : undefined };
  };

  const withOptions = (args, options) => {
    if (Array.isArray(args[0])) {
      const normalized = args[0].slice();
      // The mark that tells Node that the array is normalized is a symbol of its own.
      for (const symbol of Object.getOwnPropertySymbols(args[0])) normalized[symbol] = args[0][symbol];
      normalized[0] = options;
      return [normalized];
    }
    const listener = args.find((value) => typeof value === "function");
    return listener ? [options, listener] : [options];
  };

  const refuse = (socket, host, port) => {
    // Told to the sandbox so that it stands in the report.
    const note = new net.Socket();
    note.on("error", () => {}).on("data", () => note.destroy());
    connect.call(note, { host: "127.0.0.1", port: proxyPort });
    note.end(`CONNECT ${host}:${port} HTTP/1.1\r\n\r\n`);
    note.unref();
    const error = new Error(`connect ECONNREFUSED ${host}:${port} (the fal sandbox reaches no other hosts; see --allow-host)`);
    Object.assign(error, { code: "ECONNREFUSED", errno: -111, syscall: "connect", address: host, port });
    process.nextTick(() => socket.destroy(error));
    return socket;
  };

  net.Socket.prototype.connect = function (...args) {
    const options = optionsOf(args) || {};
    const host = String(options.host || "localhost").toLowerCase();
    const port = Number(options.port);
    if (options.path || loopback.test(host) || (allowed.has("*") && !falHost.test(host)) || allowed.has(host)) {
      return connect.apply(this, args);
    }
    const secure = this.encrypted === true || port === 443;
    if (!secure && port !== 80) return refuse(this, host, port);
    const led = { ...options, host: "127.0.0.1", port: secure ? tlsPort : proxyPort, family: 4, lookup: undefined };
    return connect.apply(this, withOptions(args, led));
  };
}
