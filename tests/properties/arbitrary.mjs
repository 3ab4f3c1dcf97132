// Requests made from the document: mostly what it describes, now and then what nobody should send.
import fc from 'fast-check';

const hostileTexts = ['', ' ', '.', '..', '../../etc/passwd', '%', '%00', "' OR 1=1 --", '<script>', '"', '\\', '\n', '\u0000',
  '\u2028', '\ud83d\ude00', 'a'.repeat(300), 'null', 'undefined', '-1', '0', '9'.repeat(40), '1e999', '${jndi:x}', '{{7*7}}',
  'host=;', 'é', '\u202e', '*', 'true'];
const hostileValues = [null, true, 0, -1, 1.5, 1e300, 2 ** 53, -(2 ** 63), [], {}, [null], [[[[]]]], { a: { b: {} } },
  '\u0000', { __proto__x: 1, constructor: 2 }, Array(200).fill('x')];
const hostileBodies = ['', ' ', 'null', '[]', '{}', '{', '"x"', '1', '{"a":1}{"b":2}', '{"a":1,}', '\ufeff{}', '['.repeat(2000),
  '{"a":'.repeat(100), '{"a":"\\ud800"}', '{"a":"\\u0000"}', '{"a":' + '9'.repeat(500) + '}', '{"a":1e999}', 'a=1&b=2', '<a/>',
  Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), Buffer.from([0, 1, 2, 3])];
const hostileFilters = ['', '=', 'name', 'name=', 'name=[', 'name=(a*)*$', 'id=.,i', 'a.b.c=x', 'roles.name=x', 'claims=.',
  'password=.', 'name=((a{0,100}){0,100}){0,100}', 'name=\\', 'name=(?<!x)y', ',i', 'name=a=b,i,i'];
const types = ['application/json', 'application/json; charset=utf-8', 'application/x-www-form-urlencoded', 'text/plain',
  'multipart/form-data; boundary=b', 'application/xml', 'application/json; charset=utf-16', 'x', ''];

const text = fc.oneof({ weight: 3, arbitrary: fc.string({ maxLength: 24 }) }, { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 2, arbitrary: fc.constantFrom(...hostileTexts) });

const wellFormed = (t) => !/\p{Surrogate}/u.test(t);

export class Arbitraries {
  // `pool`: ids and names seen so far, so that requests meet what exists.
  constructor(document, pool) {
    this.document = document;
    this.pool = pool;
  }

  resolve(schema) {
    while (schema.$ref) schema = schema.$ref.slice(2).split('/').reduce((at, key) => at[key], this.document);
    return schema;
  }

  known() {
    return fc.nat().map((n) => (this.pool.length === 0 ? 'nobody' : this.pool[n % this.pool.length]));
  }

  value(schema, depth = 0) {
    schema = this.resolve(schema);
    if (schema.anyOf) return this.value(schema.anyOf[0], depth);
    if (schema.enum) return fc.constantFrom(...schema.enum);
    const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
    if (depth > 4) return fc.constant(type === 'array' ? [] : type === 'object' ? {} : null);
    switch (type) {
      case 'boolean': return fc.boolean();
      case 'integer': return fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer(), fc.maxSafeInteger());
      case 'number': return fc.double({ noNaN: true, noDefaultInfinity: true });
      case 'string':
        if (schema.format === 'date-time') return fc.date({ noInvalidDate: true }).map((d) => d.toISOString());
        return fc.oneof({ weight: 2, arbitrary: this.known() }, { weight: 3, arbitrary: text });
      case 'array': return fc.array(this.value(schema.items ?? {}, depth + 1), { maxLength: 3 });
      case 'object': {
        const members = {};
        for (const [name, member] of Object.entries(schema.properties ?? {})) members[name] = this.value(member, depth + 1);
        if (schema.additionalProperties) return fc.dictionary(fc.string({ maxLength: 8 }), this.value(schema.additionalProperties, depth + 1), { maxKeys: 3 });
        return fc.record(members, { requiredKeys: schema.required ?? [] });
      }
      default: return fc.jsonValue({ maxDepth: 2 });
    }
  }

  // A body as the document wants it, sometimes with one member that is not.
  body(schema) {
    const good = this.value(schema);
    const spoiled = fc.tuple(good, fc.nat(), fc.constantFrom(...hostileValues)).map(([value, n, bad]) => {
      const names = Object.keys(value ?? {});
      return names.length === 0 ? bad : { ...value, [names[n % names.length]]: bad };
    });
    return fc.oneof({ weight: 5, arbitrary: good.map((v) => JSON.stringify(v)) },
      { weight: 3, arbitrary: spoiled.map((v) => JSON.stringify(v)) },
      { weight: 2, arbitrary: fc.constantFrom(...hostileBodies) }, { weight: 1, arbitrary: fc.jsonValue().map((v) => JSON.stringify(v)) });
  }

  request(path, method, operation) {
    const parameters = operation.parameters ?? [];
    const of = (where) => parameters.filter((p) => p.in === where);
    const segment = fc.oneof({ weight: 5, arbitrary: this.known() }, { weight: 3, arbitrary: text })
      .map((t) => encodeURIComponent(wellFormed(t) ? t : 'x') || '%20')
      .map((t) => t.replace(/^\.+$/, (dots) => '%2E'.repeat(dots.length)));
    const query = fc.record(Object.fromEntries(of('query').map((p) => [p.name, fc.oneof(text, fc.constantFrom('1', '2', 'true', 'false', 'name', '-id', ''))])), { requiredKeys: [] });
    const headers = fc.record(Object.fromEntries(of('header').map((p) =>
      [p.name, p.name === 'X-Filter' ? fc.constantFrom(...hostileFilters) : fc.constantFrom('', 'true', 'x', '1')])), { requiredKeys: [] });
    const wanted = operation.requestBody?.content?.['application/json']?.schema;
    const body = wanted ? fc.option(this.body(wanted), { freq: 8, nil: undefined })
      : method === 'get' ? fc.constant(undefined) : fc.option(fc.constantFrom(...hostileBodies), { freq: 1, nil: undefined });
    return fc.record({
      segments: fc.tuple(...of('path').map(() => segment)), query, headers, body,
      type: fc.oneof({ weight: 6, arbitrary: fc.constant('application/json') }, { weight: 1, arbitrary: fc.constantFrom(...types) }),
    }).map((r) => {
      const values = [...r.segments];
      const filled = path.replace(/\{[^}]+\}/g, () => values.shift());
      const pairs = Object.entries(r.query).map(([k, v]) => `${k}=${encodeURIComponent(wellFormed(v) ? v : 'x')}`);
      const sent = { ...r.headers };
      if (r.body !== undefined && r.type !== '') sent['Content-Type'] = r.type;
      // What no path can mean, so that no operation is asked.
      const nowhere = r.segments.some((s) => /^(%2E){1,2}$|%2F|%00/i.test(s));
      return { nowhere, method: method.toUpperCase(), path: filled + (pairs.length ? `?${pairs.join('&')}` : ''), headers: sent, body: r.body };
    });
  }
}
