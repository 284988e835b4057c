// Drives fhirclient, SMART's own library, through SMART App Launch. visitor.mjs says what it is given;
// PATIENT_EMAIL is a patient of the project, who signs in with the same password.
import assert from 'node:assert/strict';
import test from 'node:test';
import fhirclient from 'fhirclient';
import { signCompactJws } from 'fhirclient/lib/security/server.js';
import { admin, base, makeClient, publishKeys, Visitor } from './visitor.mjs';

const fhir = `${base}fhir/R4`;
const app = 'http://app.example/';

// at is fhirclient as a request of the person's browser to the app would find it.
const at = (url, session) => {
  const found = {};
  const response = { writeHead: (_, headers) => { found.location = headers.location; }, end() {} };
  return { api: fhirclient({ url: url.slice(app.length - 1), headers: { host: 'app.example' }, socket: {}, session }, response), found };
};

// launch begins at the app and comes back to it with a client, by way of the pages that see walks through.
async function launch(options, query, see, ready) {
  const session = {};
  const begun = at(`${app}launch?${new URLSearchParams(query)}`, session);
  await begun.api.authorize({ redirectUri: 'index', pkceMode: 'required', ...options });
  const visitor = await new Visitor().go(begun.found.location);
  await see(visitor);
  return at(visitor.back().href, session).api.ready(ready);
}

const create = (body) => admin(`fhir/R4/${body.resourceType}`, body);
const mayRead = (client, path) => client.request(path).then(() => true, () => false);

let homer, marge, encounter, client;

test('the configuration says what a SMART server must', async () => {
  const configuration = await (await fetch(`${fhir}/.well-known/smart-configuration`)).json();
  for (const capability of ['launch-ehr', 'launch-standalone', 'context-standalone-patient', 'context-ehr-patient', 'permission-v2', 'sso-openid-connect', 'client-confidential-asymmetric']) {
    assert.ok(configuration.capabilities.includes(capability), capability);
  }
  assert.deepEqual(configuration.code_challenge_methods_supported, ['S256']);
  homer = await create({ resourceType: 'Patient', name: [{ given: ['Homer'], family: 'Simpson' }], birthDate: '1956-05-12' });
  marge = await create({ resourceType: 'Patient', name: [{ given: ['Marge'], family: 'Bouvier' }] });
  encounter = await create({ resourceType: 'Encounter', status: 'finished', class: { code: 'AMB', display: 'ambulatory' }, subject: { reference: `Patient/${homer.id}` }, period: { start: '2026-01-02T10:00:00Z' } });
  await create({ resourceType: 'Observation', status: 'final', code: { text: 'weight' }, subject: { reference: `Patient/${homer.id}` } });
  await create({ resourceType: 'Observation', status: 'final', code: { text: 'weight' }, subject: { reference: `Patient/${marge.id}` } });
  client = await makeClient({ name: 'Growth chart', redirectUris: [`${app}index`], launchUri: `${app}launch` });
});

test('standalone launch: a practitioner chooses the patient and the encounter', async () => {
  const scope = 'openid fhirUser launch/patient launch/encounter patient/*.rs offline_access';
  const smart = await launch({ clientId: client.id, scope, iss: fhir }, {}, async (visitor) => {
    await visitor.signIn();
    assert.match(visitor.text, /Choose a patient/);
    await visitor.fill({ find: 'nobody' });
    assert.match(visitor.text, /Nobody of that name/);
    await visitor.fill({ find: 'simp hom' });
    assert.match(visitor.text, /Homer Simpson, born 1956-05-12/);
    assert.doesNotMatch(visitor.text, /Marge/);
    await visitor.fill({ choice: homer.id });
    assert.match(visitor.text, /ambulatory, 2026-01-02/);
    await visitor.fill({ choice: encounter.id });
    await visitor.fill({ answer: 'allow' });
  });
  assert.equal(smart.patient.id, homer.id);
  assert.equal(smart.encounter.id, encounter.id);
  assert.match(smart.user.fhirUser, /^Practitioner\//);
  assert.equal(smart.getState('tokenResponse.need_patient_banner'), true);
  assert.ok((await (await fetch(smart.getState('tokenResponse.smart_style_url'))).json()).color_background);
  assert.equal((await smart.patient.read()).birthDate, '1956-05-12');
  assert.equal((await smart.patient.request('Observation')).entry.length, 1);
  assert.equal((await smart.request('Observation')).entry.length, 1, 'of this patient alone');
  assert.equal(await mayRead(smart, `Patient/${marge.id}`), false);
  const before = smart.getState('tokenResponse.access_token');
  await smart.refresh();
  assert.notEqual(smart.getState('tokenResponse.access_token'), before);
  assert.equal(smart.patient.id, homer.id);
  assert.equal(await mayRead(smart, `Patient/${homer.id}`), true);
});

test('standalone launch: a patient is the patient', async () => {
  const smart = await launch({ clientId: client.id, scope: 'openid fhirUser launch/patient patient/*.read', iss: fhir }, {}, async (visitor) => {
    await visitor.signIn(process.env.PATIENT_EMAIL);
    assert.match(visitor.text, /Allow Growth chart/, 'nothing to choose');
    await visitor.fill({ answer: 'allow' });
  });
  assert.equal(smart.user.fhirUser, `Patient/${smart.patient.id}`);
  assert.equal(await mayRead(smart, `Patient/${smart.patient.id}`), true);
  assert.equal(await mayRead(smart, `Patient/${homer.id}`), false);
});

test('EHR launch: the context that the EHR has made comes with the token', async () => {
  const context = await create({ resourceType: 'SmartAppLaunch', patient: { reference: `Patient/${marge.id}` }, fhirContext: [{ reference: `Encounter/${encounter.id}` }] });
  const allow = async (visitor) => {
    await visitor.signIn();
    assert.match(visitor.text, /Allow Growth chart/, 'nothing to choose');
    await visitor.fill({ answer: 'allow' });
  };
  const options = { clientId: client.id, scope: 'openid fhirUser launch patient/Patient.r' };
  const smart = await launch(options, { iss: fhir, launch: context.id }, allow);
  assert.equal(smart.patient.id, marge.id);
  assert.equal(smart.encounter.id, null);
  assert.deepEqual(smart.getState('tokenResponse.fhirContext'), [{ reference: `Encounter/${encounter.id}` }]);
  assert.equal(await mayRead(smart, `Patient/${marge.id}`), true);
  assert.equal(await mayRead(smart, 'Observation'), false, 'the scope is for Patient.r');
  await assert.rejects(launch(options, { iss: fhir, launch: 'nothing' }, async () => {}), /Invalid launch/);
});

test('scopes of version 2 are narrowed by their search parameters', async () => {
  await create({ resourceType: 'Observation', status: 'final', category: [{ coding: [{ code: 'laboratory' }] }], code: { text: 'lab' }, subject: { reference: `Patient/${homer.id}` } });
  const smart = await launch({ clientId: client.id, scope: 'openid user/Observation.rs?category=laboratory', iss: fhir }, {}, async (visitor) => {
    await visitor.signIn();
    assert.match(visitor.text, /category=laboratory/);
    await visitor.fill({ answer: 'allow' });
  });
  assert.deepEqual((await smart.request('Observation')).entry.map((e) => e.resource.code.text), ['lab']);
});

test('confidential clients authenticate, by secret and by key', async (t) => {
  const scope = 'openid fhirUser offline_access';
  const see = async (visitor) => { await (await visitor.signIn()).fill({ answer: 'allow' }); };
  const symmetric = await launch({ clientId: client.id, clientSecret: client.secret, scope, iss: fhir }, {}, see);
  await symmetric.refresh();
  const { keys, address } = await publishKeys(t, ['RS384', 'ES384']);
  const signed = await makeClient({ name: 'Signed app', jwksUri: address, redirectUris: [`${app}index`] });
  for (const { jwk } of Object.values(keys)) {
    const smart = await launch({ clientId: signed.id, clientPrivateJwk: jwk, clientPublicKeySetUrl: address, scope, iss: fhir }, {}, see, { privateKey: jwk });
    assert.match(smart.user.fhirUser, /^Practitioner\//);
  }
  await assert.rejects(launch({ clientId: signed.id, scope, iss: fhir }, {}, see), /invalid_client|show who it is/, 'a client with keys goes nowhere without');
});

test('backend services: a program gets what its system scopes say', async (t) => {
  const { keys, address } = await publishKeys(t, ['ES384']);
  const program = await makeClient({ name: 'Backend', jwksUri: address });
  const now = Math.floor(Date.now() / 1000);
  const token_endpoint = (await (await fetch(`${fhir}/.well-known/smart-configuration`)).json()).token_endpoint;
  const claims = { iss: program.id, sub: program.id, aud: token_endpoint, jti: crypto.randomUUID(), exp: now + 240 };
  const assertion = await signCompactJws('ES384', keys.ES384.key, { kid: 'ES384', typ: 'JWT' }, claims);
  const response = await fetch(token_endpoint, { method: 'POST', body: new URLSearchParams({
    grant_type: 'client_credentials', scope: 'system/Patient.rs', client_assertion: assertion,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  }) });
  const tokenResponse = await response.json();
  assert.deepEqual([response.status, tokenResponse.token_type, tokenResponse.scope], [200, 'Bearer', 'system/Patient.rs']);
  const smart = at(`${app}x`, {}).api.client({ serverUrl: fhir, tokenResponse });
  assert.ok((await smart.request('Patient')).entry.length >= 2);
  assert.equal(await mayRead(smart, 'Observation'), false);
});
