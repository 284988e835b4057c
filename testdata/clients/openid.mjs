// Drives openid-client, a certified relying party, through OpenID Connect. visitor.mjs says what it
// is given.
import assert from 'node:assert/strict';
import test from 'node:test';
import * as oidc from 'openid-client';
import { admin, base, makeClient, publishKeys, Visitor } from './visitor.mjs';

const redirect_uri = 'https://app.example/callback';
const insecure = { execute: [oidc.allowInsecureRequests] };
const discover = (id, auth) => oidc.discovery(new URL(base), id, undefined, auth, insecure);
const refused = (error) => (err) => {
  assert.equal(err.error, error, err.stack);
  return true;
};

// authorize lets a person allow what the client asks for, and gives the address that the browser is led back to.
async function authorize(config, visitor, scope, more = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier: verifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri, scope, code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    state: checks.expectedState, nonce: checks.expectedNonce, ...more,
  });
  await visitor.go(url);
  if (!visitor.location && /type="password"/.test(visitor.text)) await visitor.signIn();
  if (!visitor.location) await visitor.fill({ answer: 'allow' });
  return { back: visitor.back(), checks };
}

let client, config, tokens, visitor;

test('discovery describes the server that answers', async () => {
  client = await makeClient({ name: 'Relying party', redirectUris: [redirect_uri] });
  config = await discover(client.id, oidc.ClientSecretBasic(client.secret));
  const server = config.serverMetadata();
  assert.ok(server.supportsPKCE());
  assert.equal(server.issuer, base);
  for (const name of ['authorization_endpoint', 'end_session_endpoint', 'introspection_endpoint', 'revocation_endpoint', 'userinfo_endpoint']) assert.ok(server[name], name);
  assert.equal(server.registration_endpoint, undefined);
});

test('a code with PKCE gives tokens that check out', async () => {
  visitor = new Visitor();
  const { back, checks } = await authorize(config, visitor, 'openid profile email offline_access');
  tokens = await oidc.authorizationCodeGrant(config, back, checks);
  const claims = tokens.claims();
  assert.equal(claims.nonce, checks.expectedNonce);
  const who = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(who.email, process.env.EMAIL);
  const me = await oidc.fetchProtectedResource(config, tokens.access_token, new URL(`${base}auth/me`), 'GET');
  assert.equal(me.status, 200);
  await assert.rejects(oidc.authorizationCodeGrant(config, back, checks), refused('invalid_grant'));
  await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, claims.sub), 'the code came twice: its tokens end');
});

test('a signed-in browser is not asked again, a silent request with a hint neither', async () => {
  const { back, checks } = await authorize(config, visitor, 'openid profile email offline_access', { prompt: 'login' });
  tokens = await oidc.authorizationCodeGrant(config, back, checks);
  const silent = await authorize(config, visitor, 'openid', { prompt: 'none', id_token_hint: tokens.id_token });
  const again = await oidc.authorizationCodeGrant(config, silent.back, silent.checks);
  assert.equal(again.claims().sub, tokens.claims().sub);
  const stranger = await authorize(config, new Visitor(), 'openid', { prompt: 'none' });
  await assert.rejects(oidc.authorizationCodeGrant(config, stranger.back, stranger.checks), refused('login_required'));
  const old = await authorize(config, visitor, 'openid', { max_age: '3600' });
  assert.ok((await oidc.authorizationCodeGrant(config, old.back, { ...old.checks, maxAge: 3600 })).claims().auth_time);
});

test('a refresh rotates, introspection tells, revocation ends', async () => {
  const sub = tokens.claims().sub;
  const before = tokens;
  tokens = await oidc.refreshTokenGrant(config, before.refresh_token);
  assert.notEqual(tokens.refresh_token, before.refresh_token);
  const told = await oidc.tokenIntrospection(config, tokens.access_token);
  assert.deepEqual([told.active, told.sub, told.client_id, told.token_type], [true, sub, client.id, 'Bearer']);
  assert.equal((await oidc.tokenIntrospection(config, tokens.refresh_token)).active, true);
  assert.deepEqual(await oidc.tokenIntrospection(config, before.refresh_token), { active: false });
  assert.deepEqual(await oidc.tokenIntrospection(config, tokens.id_token), { active: false });
  const wrong = await discover(client.id, oidc.ClientSecretPost('wrong'));
  await assert.rejects(oidc.tokenIntrospection(wrong, tokens.access_token), 'a wrong secret');
  await oidc.tokenRevocation(config, tokens.refresh_token);
  assert.deepEqual(await oidc.tokenIntrospection(config, tokens.access_token), { active: false });
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), refused('invalid_grant'));
});

test('a client shows itself by its key, with either algorithm', async (t) => {
  const { keys, address } = await publishKeys(t, ['RS384', 'ES384']);
  const program = await makeClient({ name: 'Program', jwksUri: address, redirectUris: [redirect_uri] });
  for (const { key, kid } of Object.values(keys)) {
    const signed = await discover(program.id, oidc.PrivateKeyJwt({ key, kid }));
    const got = await oidc.clientCredentialsGrant(signed, { scope: 'system/Patient.rs' });
    assert.equal(got.scope, 'system/Patient.rs');
    const person = await authorize(signed, new Visitor(), 'openid offline_access');
    const first = await oidc.authorizationCodeGrant(signed, person.back, person.checks);
    const next = await oidc.refreshTokenGrant(signed, first.refresh_token);
    assert.equal((await oidc.tokenIntrospection(signed, next.access_token)).active, true);
    await oidc.tokenRevocation(signed, next.access_token);
    assert.equal((await oidc.tokenIntrospection(signed, next.refresh_token)).active, false);
  }
  const other = await discover(program.id, oidc.PrivateKeyJwt({ key: keys.ES384.key, kid: 'RS384' }));
  await assert.rejects(oidc.clientCredentialsGrant(other), 'signed with another key than it names');
});

test('a public client goes without a secret, and a wrong verifier gets nothing', async () => {
  const open = await discover(client.id, oidc.None());
  const { back, checks } = await authorize(open, new Visitor(), 'openid offline_access');
  await assert.rejects(oidc.authorizationCodeGrant(open, back, { ...checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() }));
  const got = await oidc.authorizationCodeGrant(open, back, checks);
  assert.ok((await oidc.refreshTokenGrant(open, got.refresh_token)).access_token);
});

test('the session is ended on the client\'s word', async () => {
  const { back, checks } = await authorize(config, visitor, 'openid', { prompt: 'login' });
  const last = await oidc.authorizationCodeGrant(config, back, checks);
  await visitor.go(oidc.buildEndSessionUrl(config, { id_token_hint: last.id_token, post_logout_redirect_uri: redirect_uri, state: 'bye' }));
  assert.equal(visitor.back().searchParams.get('state'), 'bye');
  await assert.rejects(oidc.fetchUserInfo(config, last.access_token, last.claims().sub));
  const silent = await authorize(config, visitor, 'openid', { prompt: 'none' });
  await assert.rejects(oidc.authorizationCodeGrant(config, silent.back, silent.checks), refused('login_required'));
});

test('a client registers itself where its project lets it', async () => {
  const server = new URL(`${base}.well-known/openid-configuration?project=${process.env.PROJECT}`);
  const metadata = { redirect_uris: [redirect_uri], client_name: 'Came by itself', scope: 'openid offline_access', token_endpoint_auth_method: 'client_secret_basic' };
  await assert.rejects(oidc.dynamicClientRegistration(server, metadata, undefined, insecure), 'not advertised while it is off');
  await admin(`admin/projects/${process.env.PROJECT}/settings`, [{ name: 'clientRegistration', valueBoolean: true }]);
  const registered = await oidc.dynamicClientRegistration(server, metadata, undefined, insecure);
  assert.ok(registered.clientMetadata().client_id);
  const { back, checks } = await authorize(registered, new Visitor(), 'openid offline_access');
  const got = await oidc.authorizationCodeGrant(registered, back, checks);
  assert.ok((await oidc.refreshTokenGrant(registered, got.refresh_token)).access_token);
  await assert.rejects(oidc.clientCredentialsGrant(registered), 'it has no membership of its own');
});

test('tokens are bound to a key of the client (DPoP)', async () => {
  const made = await makeClient({ name: 'Bound', redirectUris: [redirect_uri] });
  const bound = await discover(made.id, oidc.ClientSecretBasic(made.secret));
  const DPoP = oidc.getDPoPHandle(bound, await oidc.randomDPoPKeyPair('ES256'));
  const { back, checks } = await authorize(bound, new Visitor(), 'openid profile email offline_access');
  const got = await oidc.authorizationCodeGrant(bound, back, checks, undefined, { DPoP });
  assert.equal(got.token_type, 'dpop');
  const who = await oidc.fetchUserInfo(bound, got.access_token, got.claims().sub, { DPoP });
  assert.equal(who.email, process.env.EMAIL);
  const patients = new URL(`${base}fhir/R4/Patient?_count=1`);
  assert.equal((await oidc.fetchProtectedResource(bound, got.access_token, patients, 'GET', undefined, undefined, { DPoP })).status, 200);
  await assert.rejects(oidc.fetchProtectedResource(bound, got.access_token, patients, 'GET'), (err) => err.status === 401);
  await assert.rejects(oidc.refreshTokenGrant(bound, got.refresh_token), refused('invalid_grant'));
  const other = oidc.getDPoPHandle(bound, await oidc.randomDPoPKeyPair('ES256'));
  await assert.rejects(oidc.refreshTokenGrant(bound, got.refresh_token, undefined, { DPoP: other }), refused('invalid_grant'));
  assert.equal((await oidc.refreshTokenGrant(bound, got.refresh_token, undefined, { DPoP })).token_type, 'dpop');
});

test('a request is pushed (PAR), and its reference is good once', async () => {
  const verifier = oidc.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier: verifier, expectedState: oidc.randomState() };
  const url = await oidc.buildAuthorizationUrlWithPAR(config, {
    redirect_uri, scope: 'openid', code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', state: checks.expectedState,
  });
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
  const person = await (await new Visitor().go(url)).signIn();
  await person.fill({ answer: 'allow' });
  assert.ok((await oidc.authorizationCodeGrant(config, person.back(), checks)).access_token);
  assert.equal((await new Visitor().go(url)).status, 400);
  await assert.rejects(oidc.buildAuthorizationUrlWithPAR(config, { redirect_uri: 'https://evil.example/', scope: 'openid' }), refused('invalid_request'));
});
