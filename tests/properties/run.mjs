// Asks every operation of /api/openapi.json as root, as somebody with few rights and as nobody, with generated and with
// hostile input: an answer has a status, a content type and a body that the document allows, and never says 5xx
// (but for a code that the document names for this very operation).
//   node run.mjs CORRAL [--seconds N] [--seed N] [--only TEXT]
// fast-check prints the smallest request that fails, and the seed that finds it again.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import Ajv from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { Arbitraries } from './arbitrary.mjs';
import { Server } from './server.mjs';

const words = process.argv.slice(2);
const option = (name, fallback) => (words.includes(name) ? words[words.indexOf(name) + 1] : fallback);
const seconds = Number(option('--seconds', process.env.CORRAL_PROPERTIES_SECONDS ?? 40));
const seed = Number(option('--seed', Date.now() & 0x7fffffff));
const only = option('--only', '');
const excluded = JSON.parse(readFileSync(new URL('./excluded.json', import.meta.url)));

const server = await Server.start(words[0]);
const document = (await server.json('GET', '/api/openapi.json')).value;
const ajv = new Ajv({ strict: false });
formats(ajv);
ajv.addSchema(document, 'document');
const validators = new Map();
function validator(pointer) {
  if (!validators.has(pointer)) validators.set(pointer, ajv.compile({ $ref: `document#${pointer}` }));
  return validators.get(pointer);
}
const escaped = (part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));

async function makeCallers() {
  const callers = [{ name: 'nobody' }];
  const root = await server.token('root', server.password);
  const made = [];
  for (const [name, rights] of [['tester', { is_super_user: true }], ['limited', {}]]) {
    const password = 'Aa1!' + 'x'.repeat(12) + name;
    const answer = await server.json('POST', '/api/v1/auth/users',
      { username: name, name, email: `${name}@example.test`, password, ...rights }, root);
    if (answer.status === 201) made.push({ name, password });
  }
  // Not root itself, which must stay as it is for the others.
  const tester = made.find((c) => c.name === 'tester');
  callers.push(tester ? { ...tester, all: true } : { name: 'root', password: server.password, all: true });
  callers.push(...made.filter((c) => c.name === 'limited'));
  for (const caller of callers) if (caller.password) caller.token = await server.token(caller.name, caller.password);
  return callers;
}

const pool = [];
const rootNames = /^root(@localhost)?$/;
let rootId = '';
function harvest(value, depth = 0) {
  if (depth > 3 || value === null || typeof value !== 'object') return;
  for (const [key, item] of Object.entries(value)) {
    if (typeof item === 'string' && /^(id|ID|name|Name|username|key|catalog_id|version|architecture)$/.test(key) && item.length < 100 &&
        !rootNames.test(item) && item !== rootId && !pool.includes(item)) {
      if (pool.length < 200) pool.push(item); else pool[Math.floor(pool.length / 2)] = item;
    } else if (typeof item === 'object') harvest(item, depth + 1);
  }
}

function check(path, method, operation, caller, request, answer) {
  const { status, headers, body } = answer;
  const say = (what) => { throw new Error(`${what}: ${status} ${headers['content-type'] ?? ''} ${body.toString().slice(0, 400)}`); };
  // 501 and the like only where a row says by its number that this server or driver may be without it.
  if (status >= 500 && !operation.responses[status]) say('a failure of the server');
  if (request.nowhere) { if (status !== 404) say('a path that nobody has'); return; }
  const secured = !(operation.security && operation.security.length === 0);
  if (secured && !caller.token && status !== 401 && status !== 405) say('an answer to nobody');
  if (!headers['x-request-id']) say('no request id');
  const documented = operation.responses[status];
  if (!documented) say('a status that the document does not name');
  if (method === 'head' || status === 204) return;
  const content = documented.content;
  if (!content) { if (body.length > 0) say('a body that the document does not name'); return; }
  const type = (headers['content-type'] ?? '').split(';')[0];
  const key = content[headers['content-type']] ? headers['content-type'] : content[type] ? type : content['*/*'] ? '*/*' : undefined;
  if (!key) say('a content type that the document does not name');
  if (type !== 'application/json') return;
  let value;
  try { value = JSON.parse(body.toString()); } catch { say('no JSON'); }
  if (status < 300) harvest(value);
  if (!content[key].schema) return;
  const validate = validator(`/paths/${escaped(path)}/${method}/responses/${status}/content/${escaped(key)}/schema`);
  if (!validate(value)) say(`a body that its schema does not allow (${ajv.errorsText(validate.errors)})`);
}

const callers = await makeCallers();
rootId = ((await server.json('GET', '/api/v1/auth/users', undefined, await server.token('root', server.password))).value ?? [])
  .find((u) => u.username === 'root')?.id ?? '';
const operations = [];
for (const [path, methods] of Object.entries(document.paths))
  for (const [method, operation] of Object.entries(methods)) {
    const name = `${method.toUpperCase()} ${path}`;
    if (excluded[name] || excluded[`* ${path}`] || !name.includes(only)) continue;
    operations.push({ path, method, operation, name });
  }
// What makes things comes before what reads, changes and removes them.
const rank = { post: 0, get: 1, put: 2, patch: 2, delete: 3 };
operations.sort((a, b) => rank[a.method] - rank[b.method] || a.path.localeCompare(b.path));

console.log(`${operations.length} operations, ${callers.map((c) => c.name).join(', ')}, ${seconds} s, seed ${seed}`);
const end = Date.now() + seconds * 1000;
let left = operations.length * callers.length;
let asked = 0;
const failures = [];
const arbitraries = new Arbitraries(document, pool);
for (const { path, method, operation, name } of operations) {
  for (const caller of callers) {
    const share = Math.max(100, (end - Date.now()) / left--);
    const property = fc.asyncProperty(arbitraries.request(path, method, operation), async (request) => {
      const headers = { ...request.headers };
      if (caller.token) headers.Authorization = `Bearer ${caller.token}`;
      asked++;
      let answer = await server.ask({ ...request, headers });
      if (caller.all && answer.status === 401 && !path.includes('/auth/token')) {
        caller.token = await server.token(caller.name, caller.password);  // an earlier request ended the token
        answer = await server.ask({ ...request, headers: { ...headers, Authorization: `Bearer ${caller.token}` } });
        if (answer.status === 401) throw new Error('a super user is refused');
      }
      check(path, method, operation, caller, request, answer);
    });
    const result = await fc.check(property, { seed, numRuns: 400, interruptAfterTimeLimit: share, markInterruptAsFailure: false });
    if (!result.failed || result.counterexample === null) continue;  // or the time was over before the first answer
    const failure = `${name} as ${caller.name}\n  ${result.errorInstance?.message ?? result.error}\n  ${JSON.stringify(result.counterexample?.[0])}`;
    failures.push(failure);
    console.error(failure);
    break;  // the others most likely fail alike
  }
}
const alive = await server.ask({ method: 'GET', path: '/api/health/probe' }).then((a) => a.status === 200, () => false);
const how = await server.stop();
console.log(`${asked} requests, ${failures.length} operations failed`);
if (!alive || how !== 0) console.error(`the server did not stay well (${how}):\n${server.complaints()}`);
if (failures.length > 0) console.error(`again with --seed ${seed}`);
process.exitCode = failures.length > 0 || !alive || how !== 0 ? 1 : 0;
