// Drives the real Medplum CLI as a program on a machine of its own does: it signs in with a
// client's secret and keeps the profile in its home directory.
//
// ADMIT_URL is the server, CLIENT_ID and CLIENT_SECRET are a ClientApplication's, HOME is empty.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'node:test';

const program = fileURLToPath(new URL('node_modules/.bin/medplum', import.meta.url));
const run = promisify(execFile);
const medplum = async (...args) => (await run(program, [...args, '-p', 'ci'])).stdout;
const json = async (...args) => JSON.parse(await medplum(...args));
const refused = (text) => (err) => {
  assert.match(err.stderr, text);
  assert.notEqual(err.code, 0);
  return true;
};

test('login refuses a wrong secret and keeps a right one', async () => {
  const login = (secret) => medplum('login', '--auth-type', 'client-credentials', '--base-url', process.env.ADMIT_URL, '--client-id', process.env.CLIENT_ID, '--client-secret', secret);
  await assert.rejects(login('wrong'), refused(/Failed to fetch tokens/));
  await login(process.env.CLIENT_SECRET);
  const who = await medplum('whoami');
  assert.match(who, /Clinic/);
});

test('post, get, patch, put and delete', async () => {
  const made = await json('post', 'Patient', '{"resourceType":"Patient","name":[{"family":"Terminal"}]}');
  assert.ok(made.id);
  assert.deepEqual(await json('get', `Patient/${made.id}`), made);
  const patched = await json('patch', `Patient/${made.id}`, '[{"op":"add","path":"/active","value":true}]');
  assert.equal(patched.active, true);
  const put = await json('put', `Patient/${made.id}`, JSON.stringify({ ...patched, gender: 'unknown' }));
  assert.equal(put.gender, 'unknown');
  const found = await json('get', 'Patient?name=terminal');
  assert.deepEqual(found.entry.map((e) => e.resource), [put]);
  await medplum('delete', `Patient/${made.id}`);
  await assert.rejects(medplum('get', `Patient/${made.id}`), refused(/Gone|deleted/i));
  await assert.rejects(medplum('post', 'Patient', '{"resourceType":"Patient","birthDate":"x"}'), refused(/birthDate|date/i));
});

test('project list, current, switch and invite', async () => {
  const project = `Clinic (Project/${process.env.PROJECT})`;
  assert.equal((await medplum('project', 'current')).trim(), project);
  assert.equal((await medplum('project', 'list')).trim(), project);
  assert.match(await medplum('project', 'switch', process.env.PROJECT), /Switched to project/);
  await medplum('project', 'invite', 'Grace', 'Hopper', 'grace@cli.example', '--admin');
  assert.match(await medplum('project', 'invite', 'Homer', 'Simpson', 'homer@cli.example', '--role', 'Patient', '--send-email'), /Email sent/);

  const authorization = `Basic ${btoa(`${process.env.CLIENT_ID}:${process.env.CLIENT_SECRET}`)}`;
  const answer = await fetch(`${process.env.ADMIT_URL}fhir/R4/ProjectMembership`, { headers: { authorization } });
  const members = (await answer.json()).entry.map((e) => e.resource);
  const of = (email) => members.filter((m) => m.user.display === email).map((m) => [m.profile.reference.split('/')[0], m.admin]);
  assert.deepEqual(of('grace@cli.example'), [['Practitioner', true]]);
  assert.deepEqual(of('homer@cli.example'), [['Patient', false]]);
});
