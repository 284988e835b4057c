// Drives the real MedplumClient through a sign-in by an identity provider, and an exchange of its token.
//
// ADMIT_URL is the server, CLIENT_ID a client with an identity provider, REDIRECT_URI one of its own, TOKEN an
// access token of the provider. Whoever asks the provider is signed in there.
import assert from 'node:assert/strict';
import test from 'node:test';
import { MedplumClient } from '@medplum/core';

const { ADMIT_URL: baseUrl, CLIENT_ID: clientId, REDIRECT_URI: redirectUri, TOKEN: token } = process.env;

// The SDK makes its PKCE challenge, and leaves the page, with what a browser has and Node 20 has not.
let wentTo;
globalThis.window = { btoa, atob, TextEncoder, TextDecoder };
globalThis.location = { protocol: 'https:', host: 'app.example', assign: (url) => { wentTo = url.toString(); } };
globalThis.window.location = globalThis.location;
const session = new Map();
globalThis.sessionStorage = {
  getItem: (key) => session.get(key) ?? null,
  setItem: (key, value) => void session.set(key, String(value)),
  removeItem: (key) => void session.delete(key),
  clear: () => session.clear(),
};

test('exchangeExternalAccessToken', async () => {
  const medplum = new MedplumClient({ baseUrl, clientId, cacheTime: 0, fetch });
  const profile = await medplum.exchangeExternalAccessToken(token);
  assert.equal(profile.resourceType, 'Practitioner');
  assert.equal(medplum.getProfile().id, profile.id);
  await assert.rejects(() => new MedplumClient({ baseUrl, clientId, cacheTime: 0, fetch }).exchangeExternalAccessToken('junk'), /Failed to fetch tokens/);
});

test('signInWithExternalAuth', async () => {
  const medplum = new MedplumClient({ baseUrl, clientId, cacheTime: 0, fetch });
  await medplum.signInWithExternalAuth(`${baseUrl}auth/external/start`, 'not looked at', `${baseUrl}auth/external`, { clientId, redirectUri, scope: 'openid' });
  let cookie = '';
  while (!wentTo.startsWith(redirectUri.split('?')[0])) {
    const answer = await fetch(wentTo, { redirect: 'manual', headers: { Cookie: cookie } });
    assert.ok(answer.status < 400, `${answer.status} ${wentTo} ${await answer.text()}`);
    cookie = answer.headers.getSetCookie().map((one) => one.split(';')[0]).join('; ') || cookie;
    wentTo = answer.headers.get('Location');
  }
  const profile = await medplum.processCode(new URL(wentTo).searchParams.get('code'));
  assert.equal(profile.resourceType, 'Practitioner');
});
