// An identity provider for oidc_test.py: node provider.mjs PORT KEY-NAME. Prints "ready" once it listens. Its sign-in
// pages take any password; who is who stands below. Every start has new keys.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [port, keyName] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const people = {
  ann: { name: 'Ann Ash', preferred_username: 'ann', email: 'ann@example.org', groups: ['vm-admins', 'others'] },
  bob: { name: 'Bob Birch', preferred_username: 'bob', email: 'bob@example.org', groups: ['others'] },
  // Wants to be taken for root.
  eve: { name: 'Root', preferred_username: 'root', email: 'root@localhost', groups: ['vm-admins'] },
};
const groupsOfClients = { machine: ['vm-users'], stranger: ['others'] };

function key(type, options, alg) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `${keyName}-${alg}` };
}

const machine = (client_id) => ({
  client_id,
  client_secret: `secret of ${client_id}`,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
});

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'corral',
      client_secret: 'a secret: with odd/characters+%',
      application_type: 'native', // so that any port of this machine may be returned to
      redirect_uris: ['http://127.0.0.1/api/v1/auth/oidc/callback'],
      id_token_signed_response_alg: 'ES256',
    },
    machine('machine'),
    machine('stranger'),
  ],
  jwks: {
    keys: [key('ec', { namedCurve: 'P-256' }, 'ES256'), key('rsa', { modulusLength: 2048 }, 'RS256')],
  },
  cookies: { keys: [randomBytes(16).toString('hex')] },
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email'], profile: ['name', 'preferred_username', 'groups'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, ...people[id] }),
  }),
  extraTokenClaims: (_, token) => ({ groups: groupsOfClients[token.clientId] }),
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({
        scope: '',
        audience: resource,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
      useGrantedResource: () => true,
    },
  },
});
createServer(provider.callback()).listen(Number(port), '127.0.0.1', () => console.log('ready'));
