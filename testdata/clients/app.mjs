// Makes the calls that Medplum's App makes for an administrator of a project, by the client that it makes them with:
// gathered into batches, with the bodies of its forms.
//
// ADMIT_URL is the server, ADMIT_TOKEN the administrator's, PASSWORD one that is good enough.
import assert from 'node:assert/strict';
import test from 'node:test';
import { MedplumClient, OperationOutcomeError } from '@medplum/core';

const medplum = new MedplumClient({ baseUrl: process.env.ADMIT_URL, cacheTime: 60000, autoBatchTime: 100, fetch });
medplum.setAccessToken(process.env.ADMIT_TOKEN);
const { project: { id: project } } = await medplum.get('auth/me');
const pages = `admin/projects/${project}`;
const refused = (status) => (err) => err instanceof OperationOutcomeError && err.outcome.id === status;
const invite = (fields) => medplum.post(`${pages}/invite`, { resourceType: 'Practitioner', firstName: 'Ann', lastName: 'Page', sendEmail: false, admin: false, ...fields });

test('the project page', async () => {
  const { project: shown } = await medplum.get(pages, { cache: 'reload' });
  assert.deepEqual([shown.id, shown.name], [project, 'Clinic']);
});

test('the pages of users, patients, clients and bots list memberships and read their users', async () => {
  const member = await invite({ email: 'ann@app.example' });
  await invite({ resourceType: 'Patient', email: 'pat@app.example' });
  const fields = 'user,profile,admin,project,active,accessPolicy,access,_lastUpdated';
  const list = (type) => medplum.search('ProjectMembership', `project=Project/${project}&profile-type=${type}&_fields=${fields}&_sort=-_lastUpdated&_total=accurate`);
  const staff = await list('Practitioner');
  const mine = staff.entry.map((e) => e.resource).find((m) => m.id === member.id);
  assert.deepEqual(mine.user, member.user);
  assert.equal((await list('Patient')).total, 1);
  assert.ok((await list('ClientApplication')).total >= 1);
  assert.ok(Array.isArray((await list('Bot')).entry ?? []));

  // One batch. A User of the server is not the project's to read; the App takes the 404.
  const users = await Promise.allSettled(staff.entry.map((e) => medplum.readReference(e.resource.user)));
  assert.equal(users.length, staff.entry.length);
  for (const user of users.filter((u) => u.status === 'rejected')) {
    assert.ok(refused('not-found')(user.reason), user.reason);
  }
});

test('the member page changes and removes a member', async () => {
  const { id } = await invite({ email: 'member@app.example' });
  const read = () => medplum.get(`${pages}/members/${id}`, { cache: 'reload' });
  const member = await read();
  assert.equal(member.resourceType, 'ProjectMembership');
  const changed = await medplum.post(`${pages}/members/${id}`, { ...member, admin: true });
  assert.equal(changed.admin, true);
  assert.equal((await read()).admin, true);
  await medplum.post(`${pages}/members/${id}/mfa/reset`, {}).then(() => assert.fail(), (err) => assert.match(err.message, /not enrolled/));
  await medplum.delete(`${pages}/members/${id}`);
  await assert.rejects(read(), refused('gone'));
  const [type, profile] = member.profile.reference.split('/');
  assert.equal((await medplum.readResource(type, profile)).id, profile, 'the profile stays');
});

test('the pages of secrets, sites and settings', async () => {
  const secrets = [{ name: 'KEY', valueString: 'v' }];
  const sites = [{ name: 'portal', domain: ['portal.example'], recaptchaSiteKey: 'k' }];
  const settings = [{ name: 'limit', valueInteger: 3 }];
  assert.deepEqual((await medplum.post(`${pages}/secrets`, secrets)).secret, secrets);
  assert.deepEqual((await medplum.post(`${pages}/sites`, sites)).site, sites);
  assert.deepEqual((await medplum.post(`${pages}/settings`, settings)).setting, settings);
  const { project: shown } = await medplum.get(pages, { cache: 'reload' });
  assert.deepEqual([shown.secret, shown.site, shown.setting], [secrets, sites, settings]);
});

test('the pages that make clients and bots', async () => {
  const client = await medplum.post(`${pages}/client`, { name: 'App client', description: 'd', redirectUris: ['https://app.example/'] });
  assert.match(client.secret, /^[0-9a-f]{64}$/);
  const bot = await medplum.post(`${pages}/bot`, { name: 'App bot', description: 'd' });
  assert.equal(bot.resourceType, 'Bot');
  assert.equal((await medplum.readResource('ClientApplication', client.id)).name, 'App client');
});

test('the page that sets a password', async () => {
  await invite({ resourceType: 'Patient', email: 'forced@app.example' });
  await medplum.post('admin/projects/setpassword', { email: 'forced@app.example', password: process.env.PASSWORD });
  const login = await medplum.post('auth/login', { projectId: project, email: 'forced@app.example', password: process.env.PASSWORD, codeChallenge: 'x'.repeat(43), codeChallengeMethod: 'S256' });
  assert.ok(login.code);
});

test('the page of a resource: schema, history, audit, graph', async () => {
  const patient = await medplum.createResource({ resourceType: 'Patient', name: [{ family: 'App' }] });
  await medplum.requestSchema('Patient');
  assert.equal((await medplum.readHistory('Patient', patient.id)).entry.length, 1);
  assert.equal((await medplum.search('AuditEvent', `entity=Patient/${patient.id}&_count=100&_sort=-_lastUpdated`)).resourceType, 'Bundle');
  const { data } = await medplum.graphql(`{ Patient(id: "${patient.id}") { name { family } } }`);
  assert.equal(data.Patient.name[0].family, 'App');
});

test('the security page', async () => {
  const { security } = await medplum.get('auth/me', { cache: 'reload' });
  assert.ok(security.sessions.length >= 1);
  assert.equal(security.mfaEnrolled, false);
});
