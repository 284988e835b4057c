// Drives the real MedplumClient through the main job: somebody registers, makes a project, invites
// a person, who sets a password from the mailed link, signs in and works with resources.
//
// ADMIT_URL is the server, MAIL_URL answers ?to=<address> with the newest mail to that address.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createReference, getDataType, getSearchParameters, MedplumClient, OperationOutcomeError } from '@medplum/core';

const baseUrl = process.env.ADMIT_URL;
const mailUrl = process.env.MAIL_URL;

// The SDK makes its PKCE challenge with what a browser has and Node 20 has not.
globalThis.window = { btoa, atob, TextEncoder, TextDecoder };
globalThis.location = { protocol: 'https:', host: 'app.example' }; // sent along as redirect_uri
const session = new Map();
globalThis.sessionStorage = {
  getItem: (key) => session.get(key) ?? null,
  setItem: (key, value) => void session.set(key, String(value)),
  removeItem: (key) => void session.delete(key),
  clear: () => session.clear(),
};

// A step needs what those before it made.
let broken = false;
const step = (name, run) => test(name, async () => {
  assert.ok(!broken, 'an earlier step failed');
  broken = true;
  await run();
  broken = false;
});

const newClient = () => new MedplumClient({ baseUrl, cacheTime: 0, fetch });
const refused = (status, text) => (err) => {
  assert.ok(err instanceof OperationOutcomeError, `expected an OperationOutcome, got ${err}`);
  const ids = { 400: undefined, 401: 'unauthorized', 403: 'forbidden', 404: 'not-found', 409: 'conflict', 410: 'gone', 412: 'precondition-failed' };
  if (ids[status]) assert.equal(err.outcome.id, ids[status]);
  assert.match(err.message, text);
  return true;
};

const owner = newClient();
const ownerLogin = { email: 'owner@sdk.example', password: 'Quiet-harbour-41' };
let project;

step('a stranger registers, makes a project and is its admin', async () => {
  const user = await owner.startNewUser({
    firstName: 'Ada', lastName: 'Owner', ...ownerLogin, projectId: 'new', recaptchaToken: '', remember: true,
  });
  assert.ok(user.login);
  assert.equal(user.code, undefined);
  const made = await owner.startNewProject({ login: user.login, projectName: 'SDK Clinic' });
  assert.ok(made.code);
  const profile = await owner.processCode(made.code);
  assert.equal(profile.resourceType, 'Practitioner');
  assert.equal(owner.getProfile().id, profile.id);
  assert.equal(owner.isProjectAdmin(), true);
  assert.equal(owner.isSuperAdmin(), false);
  project = owner.getProject();
  assert.equal(project.name, 'SDK Clinic');
  assert.ok(owner.getActiveLogin().refreshToken, 'remember asks for a refresh token');
  assert.equal(owner.getActiveLogin().project.display, 'SDK Clinic');
  assert.equal(owner.getActiveLogin().profile.display, 'Ada Owner');
  assert.ok(owner.getAccessPolicy().resource.length > 0);
});

step('the owner signs in again with the password', async () => {
  const again = newClient();
  const login = await again.startLogin({ ...ownerLogin, remember: false });
  const profile = await again.processCode(login.code);
  assert.equal(profile.id, owner.getProfile().id);
  await assert.rejects(again.startLogin({ ...ownerLogin, password: 'Not-the-password' }), refused(400, /./));
});

step('a code is good for one exchange and needs its verifier', async () => {
  const other = newClient();
  const login = await other.startLogin({ ...ownerLogin });
  const verifier = sessionStorage.getItem('codeVerifier');
  sessionStorage.setItem('codeVerifier', 'x'.repeat(64));
  await assert.rejects(other.processCode(login.code), OperationOutcomeError);
  sessionStorage.setItem('codeVerifier', verifier);
});

let membership;
step('the owner invites a practitioner, the way the App does', async () => {
  membership = await owner.invite(project.id, {
    resourceType: 'Practitioner', firstName: 'Homer', lastName: 'Simpson', email: 'Homer@SDK.example', sendEmail: true,
  });
  assert.equal(membership.resourceType, 'ProjectMembership');
  assert.equal(membership.project.reference, `Project/${project.id}`);
  assert.equal(membership.user.display, 'homer@sdk.example');
  assert.match(membership.profile.reference, /^Practitioner\//);
  await assert.rejects(
    owner.invite(project.id, { resourceType: 'Practitioner', firstName: 'Homer', lastName: 'Simpson', email: 'homer@sdk.example' }),
    refused(409, /User is already a member of this project/),
  );
  const listed = await owner.searchOne('ProjectMembership', { user: membership.user.reference });
  assert.equal(listed.id, membership.id);
});

const homer = newClient();
const homerLogin = { email: 'homer@sdk.example', password: 'Donut-glaze-77' };
step('the invited person sets a password from the mailed link and signs in', async () => {
  const mail = await (await fetch(`${mailUrl}?to=homer@sdk.example`)).text();
  const link = mail.match(/setpassword\/([^/\s"]+)\/([^/\s"<]+)/);
  assert.ok(link, `no link in the mail:\n${mail}`);
  const [, id, secret] = link;
  await assert.rejects(homer.startLogin(homerLogin), refused(400, /./));
  await assert.rejects(homer.post('auth/setpassword', { id, secret, password: 'short' }), refused(400, /Invalid password, must be at least 8 characters/));
  const outcome = await homer.post('auth/setpassword', { id, secret, password: homerLogin.password });
  assert.equal(outcome.id, 'ok');
  await assert.rejects(homer.post('auth/setpassword', { id, secret, password: 'Another-pass-1' }), refused(400, /Already used/));

  const login = await homer.startLogin(homerLogin);
  const profile = await homer.processCode(login.code);
  assert.equal(`Practitioner/${profile.id}`, membership.profile.reference);
  assert.deepEqual(profile.name[0].given, ['Homer']);
  assert.equal(homer.isProjectAdmin(), false);
  assert.equal(homer.getProject().id, project.id);
});

step('the invited person has no admin rights', async () => {
  await assert.rejects(
    homer.invite(project.id, { resourceType: 'Practitioner', firstName: 'M', lastName: 'B', email: 'moe@sdk.example' }),
    refused(403, /Forbidden/),
  );
  await assert.rejects(homer.search('ProjectMembership'), refused(403, /Forbidden/));
});

let patient;
step('a resource is created, read, changed, found, and its history told', async () => {
  patient = await homer.createResource({
    resourceType: 'Patient', name: [{ family: 'Simpson', given: ['Bart'] }], birthDate: '2010-04-01',
    identifier: [{ system: 'urn:mrn', value: 'SDK-1' }],
  });
  assert.ok(patient.id);
  assert.ok(patient.meta.versionId);
  const read = await homer.readResource('Patient', patient.id, { cache: 'reload' });
  assert.deepEqual(read, patient);

  const changed = await homer.updateResource({ ...patient, active: true });
  assert.notEqual(changed.meta.versionId, patient.meta.versionId);
  assert.equal(changed.active, true);
  const unchanged = await homer.updateResource(changed);
  assert.equal(unchanged.meta.versionId, changed.meta.versionId);

  const found = await homer.search('Patient', 'identifier=urn:mrn|SDK-1', { cache: 'reload' });
  assert.equal(found.type, 'searchset');
  assert.deepEqual(found.entry.map((e) => e.resource.id), [patient.id]);
  const none = await homer.search('Patient', 'identifier=urn:mrn|nobody');
  assert.equal(none.entry, undefined);

  const history = await homer.readHistory('Patient', patient.id, undefined, { cache: 'reload' });
  assert.equal(history.type, 'history');
  assert.deepEqual(history.entry.map((e) => e.resource.meta.versionId), [changed.meta.versionId, patient.meta.versionId]);
  const first = await homer.readVersion('Patient', patient.id, patient.meta.versionId);
  assert.equal(first.active, undefined);
});

step('a wrong resource is refused with the place of the mistake', async () => {
  await assert.rejects(homer.createResource({ resourceType: 'Patient', nope: 1 }), (err) => {
    assert.equal(err.outcome.issue[0].details.text, 'Invalid additional property "nope"');
    assert.deepEqual(err.outcome.issue[0].expression, ['Patient.nope']);
    return true;
  });
  await assert.rejects(homer.readResource('Patient', '00000000-0000-4000-8000-000000000000'), refused(404, /Not found/));
});

step('resources are made once, patched, checked and paged through', async () => {
  const identifier = [{ system: 'urn:mrn', value: 'SDK-2' }];
  const query = 'identifier=urn:mrn|SDK-2';
  const lisa = { resourceType: 'Patient', name: [{ family: 'Simpson', given: ['Lisa'] }], identifier };
  const made = await homer.createResourceIfNoneExist(lisa, query);
  assert.equal((await homer.createResourceIfNoneExist(lisa, query)).id, made.id);
  const upserted = await homer.upsertResource({ ...lisa, gender: 'female' }, query);
  assert.equal(upserted.id, made.id);
  assert.equal(upserted.gender, 'female');
  const patched = await homer.patchResource('Patient', made.id, [{ op: 'add', path: '/active', value: true }]);
  assert.equal(patched.active, true);
  await assert.rejects(homer.patchResource('Patient', made.id, [{ op: 'test', path: '/active', value: false }]), refused(400, /Test failed/));
  assert.equal((await homer.validateResource(patched)).issue[0].severity, 'information');
  await assert.rejects(homer.validateResource({ ...patched, gender: 'purple' }), refused(400, /purple/));

  const pages = [];
  for await (const page of homer.searchResourcePages('Patient', 'name=simpson&_sort=given&_count=1')) pages.push(page.map((p) => p.name[0].given[0]));
  assert.deepEqual(pages, [['Bart'], ['Lisa']]);
  assert.equal((await homer.searchResources('Patient', 'name=simpson')).length, 2);
  const everything = await homer.readPatientEverything(made.id);
  assert.deepEqual(everything.entry.map((e) => e.resource.id), [made.id]);
  const gender = await homer.valueSetExpand({ url: 'http://hl7.org/fhir/ValueSet/administrative-gender', filter: 'fem' });
  assert.deepEqual(gender.expansion.contains.map((c) => c.code), ['female']);
});

step('requests are sent in batches, by hand and by themselves', async () => {
  const observation = (code) => ({ resourceType: 'Observation', status: 'final', code: { text: code }, subject: createReference(patient) });
  const batch = await homer.executeBatch({
    resourceType: 'Bundle', type: 'batch', entry: [
      { request: { method: 'POST', url: 'Observation' }, resource: observation('one') },
      { request: { method: 'GET', url: 'Patient/nobody' } },
    ],
  });
  assert.deepEqual(batch.entry.map((e) => e.response.status), ['201', '404']);
  const transaction = await homer.executeBatch({
    resourceType: 'Bundle', type: 'transaction', entry: [
      { request: { method: 'PUT', url: `Observation/${batch.entry[0].resource.id}` }, resource: { ...batch.entry[0].resource, status: 'amended' } },
      { fullUrl: 'urn:uuid:1', request: { method: 'POST', url: 'Observation' }, resource: observation('two') },
    ],
  });
  assert.deepEqual(transaction.entry.map((e) => e.response.status), ['200', '201']);

  const sent = [];
  const watching = (url, options) => { sent.push(`${options.method} ${url}`); return fetch(url, options); };
  const batching = new MedplumClient({ baseUrl, fetch: watching, autoBatchTime: 20 });
  batching.setAccessToken(homer.getAccessToken());
  const [bart, found] = await Promise.all([
    batching.readResource('Patient', patient.id), batching.search('Observation', `patient=${patient.id}`),
    assert.rejects(batching.readResource('Patient', 'nobody'), refused(404, /Not found/)),
  ]);
  assert.equal(bart.id, patient.id);
  assert.equal(found.entry.length, 2);
  assert.deepEqual(sent.filter((s) => s.includes('fhir/R4')).map((s) => s.split(' ')[0]), ['POST']);
});

step('the other project sees none of it', async () => {
  const stranger = newClient();
  const user = await stranger.startNewUser({
    firstName: 'Ned', lastName: 'Next', email: 'ned@sdk.example', password: 'Hidily-ho-5150', projectId: 'new', recaptchaToken: '',
  });
  const made = await stranger.startNewProject({ login: user.login, projectName: 'Next Door' });
  await stranger.processCode(made.code);
  await assert.rejects(stranger.readResource('Patient', patient.id), refused(404, /Not found/));
  assert.equal((await stranger.search('Patient')).entry, undefined);
  await assert.rejects(
    stranger.invite(project.id, { resourceType: 'Practitioner', firstName: 'X', lastName: 'Y', email: 'x@sdk.example' }),
    (err) => ['forbidden', 'not-found'].includes(err.outcome.id),
  );
});

// The SDK uploads with XMLHttpRequest when somebody watches the progress; Node has none.
globalThis.XMLHttpRequest = class {
  upload = {};
  headers = {};
  open(method, url) { Object.assign(this, { method, url }); }
  setRequestHeader(name, value) { this.headers[name] = value; }
  send(body) {
    fetch(this.url, { method: this.method, headers: this.headers, body }).then(async (response) => {
      this.status = response.status;
      this.response = await response.json();
      this.upload.onload?.({ type: 'load' });
      this.onload();
    }, this.onerror);
  }
};

step('content goes up and comes down as it was', async () => {
  const scan = new Uint8Array([0, 255, 1, 254]);
  const binary = await homer.createBinary({ data: scan, filename: 'scan.dcm', contentType: 'application/dicom' });
  assert.equal(binary.resourceType, 'Binary');
  assert.equal(binary.contentType, 'application/dicom');
  for (const url of [`Binary/${binary.id}`, binary.url]) {
    const blob = await homer.download(url);
    assert.equal(blob.type, 'application/dicom');
    assert.deepEqual(new Uint8Array(await blob.arrayBuffer()), scan);
  }
  const resource = await homer.readResource('Binary', binary.id);
  assert.equal(resource.data, Buffer.from(scan).toString('base64'));
  const watched = [];
  const text = await homer.createBinary({ data: 'Hello', contentType: 'text/plain', onProgress: (e) => watched.push(e) });
  assert.equal(watched.length, 1);
  assert.equal(await (await homer.download(text.url)).text(), 'Hello');
  await assert.rejects(
    homer.createBinary({ data: 'x', contentType: 'text/plain', securityContext: { reference: 'nonsense' } }), refused(400, /X-Security-Context/),
  );
});

step('attachments have URLs that need no credentials, and keep what they stand for', async () => {
  const attachment = await homer.createAttachment({ data: 'A letter', filename: 'letter.txt', contentType: 'text/plain', securityContext: createReference(patient) });
  assert.equal(attachment.title, 'letter.txt');
  const media = await homer.createMedia({ data: 'A song', filename: 'song.txt', contentType: 'text/plain', additionalFields: { subject: createReference(patient) } });
  assert.equal(media.status, 'completed');
  const read = await homer.readResource('Media', media.id, { cache: 'reload' });
  const answer = await fetch(read.content.url);
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), 'A song');
  assert.match(answer.headers.get('content-disposition'), /song\.txt/);
  const again = await homer.updateResource({ ...read, note: [{ text: 'listened to' }] });
  assert.equal(await (await homer.download(again.content.url)).text(), 'A song');
  const changed = new URL(read.content.url);
  changed.searchParams.set('Expires', '99999999999');
  assert.equal((await fetch(changed)).status, 401);
});

step('GraphQL finds what is connected, and the schemas of types', async () => {
  const { data, errors } = await homer.graphql(
    `query GetPatient($id: ID!) { Patient(id: $id) { resourceType id name { family given } MediaList(_reference: subject) { content { url } } } }`,
    'GetPatient', { id: patient.id },
  );
  assert.equal(errors, undefined);
  assert.deepEqual(data.Patient.name, [{ family: 'Simpson', given: ['Bart'] }]);
  assert.equal(await (await homer.download(data.Patient.MediaList[0].content.url)).text(), 'A song');
  await assert.rejects(homer.graphql('{ Patient(id: "1") { nope } }'), refused(400, /Cannot query field "nope"/));

  await homer.requestSchema('Patient');
  const schema = getDataType('Patient');
  assert.equal(schema.elements.birthDate.type[0].code, 'date');
  assert.equal(schema.elements.name.max, Infinity);
  assert.ok(schema.elements['deceased[x]'].type.some((t) => t.code === 'dateTime'));
  assert.ok(getDataType('PatientContact').elements.relationship);
  assert.equal(getSearchParameters('Patient').birthdate.type, 'date');
  await homer.requestSchema('ProjectMembership');
  assert.ok(getDataType('ProjectMembership').elements.accessPolicy);
});

step('a deleted resource is gone, and history says so', async () => {
  await homer.deleteResource('Patient', patient.id);
  await assert.rejects(homer.readResource('Patient', patient.id, { cache: 'reload' }), refused(410, /Gone/));
  const history = await homer.readHistory('Patient', patient.id, undefined, { cache: 'reload' });
  assert.equal(history.entry.length, 3);
  assert.equal(history.entry[0].response.status, '410');
});

step('a refresh token gives the next access token', async () => {
  const before = owner.getAccessToken();
  await owner.refreshIfExpired(2 * 60 * 60 * 1000); // as if within the grace period
  assert.notEqual(owner.getAccessToken(), before);
  assert.equal((await owner.get('auth/me', { cache: 'reload' })).profile.id, owner.getProfile().id);
});

step('a program signs in with its client secret', async () => {
  const client = await owner.post(`admin/projects/${project.id}/client`, { name: 'Batch job' });
  assert.match(client.secret, /^[0-9a-f]{64}$/);
  const program = newClient();
  const profile = await program.startClientLogin(client.id, client.secret);
  assert.equal(profile.resourceType, 'ClientApplication');
  await assert.rejects(newClient().startClientLogin(client.id, 'f'.repeat(64)), refused(400, /./));
});

step('signing out ends the session at once', async () => {
  const token = homer.getAccessToken();
  await homer.signOut();
  assert.equal(homer.getActiveLogin(), undefined);
  const late = newClient();
  late.setAccessToken(token);
  await assert.rejects(late.get('auth/me'), refused(401, /./));
});
