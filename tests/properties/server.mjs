// A Corral of the test's own: data in a temporary folder, the fake hypervisor, a free port.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { randomBytes } from 'node:crypto';

export class Server {
  static async start(binary) {
    const server = new Server();
    server.folder = mkdtempSync(path.join(os.tmpdir(), 'corral-properties-'));
    server.password = 'Aa1!' + randomBytes(12).toString('hex');
    server.log = '';
    server.agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    const env = { PATH: process.env.PATH, HOME: server.folder, HYPERVISOR: 'fake',
      DATABASE_FOLDER: path.join(server.folder, 'data'), API_ADDRESS: '127.0.0.1', API_PORT: '0',
      ROOT_PASSWORD: server.password, JWT_DURATION: '24h', CATALOG_CACHE_KEEP_FREE_DISK_SPACE: '0',
      LOCAL_PATH_ROOTS: path.join(server.folder, 'local'), XDG_CONFIG_HOME: path.join(server.folder, 'config') };
    server.process = spawn(binary, ['serve'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    process.on('exit', () => server.process.kill('SIGKILL'));  // whatever ends us, it does not stay behind
    for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(1));
    server.ended = new Promise((resolve) => server.process.on('exit', (code, signal) => resolve(signal ?? code)));
    await new Promise((resolve, reject) => {
      const read = (bytes) => {
        server.log = (server.log + bytes).slice(-200_000);
        const ready = /Corral is ready .*\bport=(\d+)/.exec(server.log);
        if (ready) { server.port = Number(ready[1]); resolve(); }
      };
      server.process.on('error', reject);
      setTimeout(() => reject(new Error(`the server is not ready:\n${server.complaints()}`)), 60_000).unref();
      server.process.stdout.on('data', read);
      server.process.stderr.on('data', read);
      server.ended.then((how) => reject(new Error(`the server ended (${how}):\n${server.complaints()}`)));
    });
    return server;
  }

  // What the log says besides requests.
  complaints() {
    return this.log.split('\n').filter((line) => !/ info request /.test(line)).slice(-40).join('\n');
  }

  // One request, however odd. The answer as it came; an Error when there was none.
  ask({ method, path, headers = {}, body, within = 20_000 }) {
    return new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port: this.port, method, path, agent: this.agent,
        headers: body === undefined ? headers : { ...headers, 'Content-Length': Buffer.byteLength(body) } });
      const timer = setTimeout(() => request.destroy(new Error(`no answer within ${within} ms`)), within);
      request.on('error', (error) => { clearTimeout(timer); reject(error); });
      request.on('response', (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('error', (error) => { clearTimeout(timer); reject(error); });
        response.on('end', () => {
          clearTimeout(timer);
          resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) });
        });
      });
      request.end(body);
    });
  }

  async json(method, path, value, token) {
    const answer = await this.ask({ method, path,
      headers: { 'Content-Type': 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      body: value === undefined ? undefined : JSON.stringify(value) });
    const text = answer.body.toString();
    return { status: answer.status, value: text ? JSON.parse(text) : undefined };
  }

  async token(name, password) {
    const answer = await this.json('POST', '/api/v1/auth/token', { email: name, password });
    if (answer.status !== 200) throw new Error(`${name} cannot sign in: ${answer.status}`);
    return answer.value.token;
  }

  async stop() {
    this.agent.destroy();
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 20_000);
    const how = await this.ended;
    clearTimeout(timer);
    rmSync(this.folder, { recursive: true, force: true });
    return how;
  }
}
