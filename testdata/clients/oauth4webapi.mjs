// Drives oauth4webapi, which checks every answer to the letter of the RFCs, through OAuth 2.0.
// visitor.mjs says what it is given.
import assert from 'node:assert/strict';
import test from 'node:test';
import * as oauth from 'oauth4webapi';
import { base, makeClient, publishKeys, Visitor } from './visitor.mjs';

const insecure = { [oauth.allowInsecureRequests]: true };
const redirectUri = 'https://app.example/callback?from=admit';

let as, client, secret, tokens;

test('both algorithms of discovery give the same server', async () => {
  for (const algorithm of ['oauth2', 'oidc']) {
    const response = await oauth.discoveryRequest(new URL(base), { algorithm, ...insecure });
    as = await oauth.processDiscoveryResponse(new URL(base), response);
    assert.equal(as.authorization_response_iss_parameter_supported, true);
    assert.deepEqual(as.code_challenge_methods_supported, ['S256']);
  }
  const resource = await oauth.processResourceDiscoveryResponse(new URL(base), await oauth.resourceDiscoveryRequest(new URL(base), insecure));
  assert.deepEqual(resource.authorization_servers, [base]);
  const made = await makeClient({ name: 'Strict', redirectUris: [redirectUri] });
  client = { client_id: made.id };
  secret = made.secret;
});

// authorize plays the person and checks the answer, state and issuer included.
async function authorize(scope, answer = 'allow') {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: client.client_id, redirect_uri: redirectUri, response_type: 'code', scope, state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  });
  const visitor = await (await new Visitor().go(url)).signIn();
  await visitor.fill({ answer });
  return { verifier, params: oauth.validateAuthResponse(as, client, visitor.back(), state) };
}

const exchange = ({ verifier, params }, auth) => oauth.authorizationCodeGrantRequest(as, client, auth, params, redirectUri, verifier, insecure);

test('a person who does not allow it sends an error back', async () => {
  await assert.rejects(authorize('openid', 'deny'), (err) => err.error === 'access_denied');
});

test('a code is exchanged with each way to authenticate', async () => {
  for (const auth of [oauth.ClientSecretPost(secret), oauth.ClientSecretBasic(secret), oauth.None()]) {
    tokens = await oauth.processAuthorizationCodeResponse(as, client, await exchange(await authorize('openid offline_access'), auth));
    assert.equal(oauth.getValidatedIdTokenClaims(tokens).aud, client.client_id);
  }
  const wrong = await exchange(await authorize('openid'), oauth.ClientSecretBasic('wrong'));
  await assert.rejects(oauth.processAuthorizationCodeResponse(as, client, wrong), oauth.ResponseBodyError);
});

test('the signature of the id_token is that of a published key', async () => {
  const response = await exchange(await authorize('openid offline_access'), oauth.None());
  tokens = await oauth.processAuthorizationCodeResponse(as, client, response);
  await oauth.validateApplicationLevelSignature(as, response, insecure);
  const who = await oauth.userInfoRequest(as, client, tokens.access_token, insecure);
  assert.ok((await oauth.processUserInfoResponse(as, client, oauth.getValidatedIdTokenClaims(tokens).sub, who)).sub);
});

test('a code and a refresh token are good once, even for twenty at a time', async () => {
  const auth = oauth.ClientSecretBasic(secret);
  const many = async (ask) => (await Promise.all(Array.from({ length: 20 }, ask))).filter((response) => response.status === 200);
  const code = await authorize('openid offline_access');
  const first = await many(() => exchange(code, auth));
  assert.equal(first.length, 1);
  const refresh = (token) => oauth.refreshTokenGrantRequest(as, client, auth, token, insecure);
  const stolen = (await first[0].json()).refresh_token;
  await assert.rejects(oauth.processRefreshTokenResponse(as, client, await refresh(stolen)), (err) => err.error === 'invalid_grant', 'the code came twice');
  assert.equal((await many(() => refresh(tokens.refresh_token))).length, 1);
  const told = await oauth.introspectionRequest(as, client, auth, tokens.access_token, insecure);
  assert.equal((await oauth.processIntrospectionResponse(as, client, told)).active, false, 'the whole family has ended');
});

test('a program signs its assertions, and each is good once', async (t) => {
  const { keys, address } = await publishKeys(t, ['ES384']);
  const program = { client_id: (await makeClient({ name: 'Signed', jwksUri: address })).id };
  const ask = (assertion) => oauth.clientCredentialsGrantRequest(as, program, oauth.PrivateKeyJwt(keys.ES384, { [oauth.modifyAssertion]: assertion }), { scope: 'system/Patient.r' }, insecure);
  const got = await oauth.processClientCredentialsResponse(as, program, await ask(() => {}));
  assert.equal(got.scope, 'system/Patient.r');
  assert.equal(got.refresh_token, undefined);
  const once = (_, claims) => { claims.jti = 'once'; };
  assert.equal((await ask(once)).status, 200);
  assert.equal((await ask(once)).status, 400);
  assert.equal((await ask((_, claims) => { claims.exp = claims.iat + 3600; })).status, 400);
  assert.equal((await ask((_, claims) => { claims.aud = 'https://elsewhere.example/'; })).status, 400);
  const revoked = await oauth.revocationRequest(as, program, oauth.PrivateKeyJwt(keys.ES384), got.access_token, insecure);
  assert.equal(await oauth.processRevocationResponse(revoked), undefined);
  const patients = await oauth.protectedResourceRequest(got.access_token, 'GET', new URL(`${base}fhir/R4/Patient`), undefined, undefined, insecure).catch((err) => err);
  assert.equal(patients.status, 401);
});

test('a program binds its tokens to a key (DPoP)', async () => {
  assert.ok(as.dpop_signing_alg_values_supported.includes('ES256'));
  const made = await makeClient({ name: 'Bound' });
  const program = { client_id: made.id };
  const DPoP = oauth.DPoP(program, await oauth.generateKeyPair('ES256', { extractable: true }));
  const response = await oauth.clientCredentialsGrantRequest(as, program, oauth.ClientSecretBasic(made.secret), {}, { DPoP, ...insecure });
  const got = await oauth.processClientCredentialsResponse(as, program, response);
  assert.equal(got.token_type, 'dpop');
  const about = new URL(`${base}auth/me`);
  assert.equal((await oauth.protectedResourceRequest(got.access_token, 'GET', about, undefined, undefined, { DPoP, ...insecure })).status, 200);
  await assert.rejects(oauth.protectedResourceRequest(got.access_token, 'GET', about, undefined, undefined, insecure), (err) => err.status === 401);
  const told = await oauth.introspectionRequest(as, program, oauth.ClientSecretBasic(made.secret), got.access_token, insecure);
  assert.ok((await oauth.processIntrospectionResponse(as, program, told)).cnf.jkt);
});

test('a client that signs pushes its request (PAR)', async (t) => {
  assert.equal(as.require_pushed_authorization_requests, false);
  const { keys, address } = await publishKeys(t, ['ES384']);
  const signed = { client_id: (await makeClient({ name: 'Pushes', redirectUris: [redirectUri], jwksUri: address })).id };
  const asked = {
    redirect_uri: redirectUri, response_type: 'code', scope: 'openid',
    code_challenge: await oauth.calculatePKCECodeChallenge(oauth.generateRandomCodeVerifier()), code_challenge_method: 'S256',
  };
  const push = (auth) => oauth.pushedAuthorizationRequest(as, signed, auth, asked, insecure);
  const kept = await oauth.processPushedAuthorizationResponse(as, signed, await push(oauth.PrivateKeyJwt(keys.ES384)));
  assert.equal(kept.expires_in, 90);
  const endpoint = { [oauth.modifyAssertion]: (_, claims) => { claims.aud = as.pushed_authorization_request_endpoint; } };
  assert.equal((await push(oauth.PrivateKeyJwt(keys.ES384, endpoint))).status, 201);
  await assert.rejects(oauth.processPushedAuthorizationResponse(as, signed, await push(oauth.None())), (err) => err.error === 'invalid_client');
});
