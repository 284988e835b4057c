// Drives iCure's real clients through every operation of their users: @icure/api 6.4.4 and 4.0.82, and
// @icure/cardinal-sdk 1.0.0-RC.7. Prints one line of JSON for each: {seed, operation, client, result}.
//
// ADMIT_URL is the server, without a final slash; GROUP a project that speaks the dialect; EMAIL and PASSWORD
// those of an administrator of it; HCP the id of that administrator's profile.
import assert from 'node:assert/strict';
import { randomUUID, webcrypto } from 'node:crypto';
import { createRequire } from 'node:module';
import * as cardinal from '@icure/cardinal-sdk';

const require = createRequire(import.meta.url);
const six = { ...require('@icure/api'), ...require('@icure/api/icc-x-api/auth/AuthenticationProvider') };
const four = require('icure-api-4');
const { ADMIT_URL: base, GROUP: group, EMAIL: email, PASSWORD: password, HCP: hcp } = process.env;
const host = `${base}/rest/v2`;
console.warn = () => {}; // the clients say which way of signing in they try next
// The old client's errors hold no status, so the last one that was answered is remembered.
let answered;
const ask = globalThis.fetch;
globalThis.fetch = async (...request) => {
  const response = await ask(...request);
  answered = response.status;
  return response;
};

// step runs one operation and says how it went.
async function step(seed, operation, client, run) {
  let result = 'ok';
  try {
    await run();
  } catch (err) {
    result = String(err.stack ?? err.message ?? err).slice(0, 2000);
  }
  console.log(JSON.stringify({ seed, operation, client, result }));
  if (result !== 'ok') process.exitCode = 1;
}
const REST = 'iCure REST', MEDTECH = 'iCure MedTech', SDK = 'client';
const refused = (run, status) => assert.rejects(() => { answered = ''; return run(); }, (err) => {
  const text = `${answered} ${err.message ?? err}`;
  assert.match(text, status instanceof RegExp ? status : new RegExp(String(status)));
  return true;
});
const theme = (value) => ({ id: 'p', type: { identifier: 'org.example.theme', type: 'STRING' }, typedValue: { type: 'STRING', stringValue: value } });
const idsFilter = (...ids) => ({ $type: 'UserByIdsFilter', ids });
const chain = (filter) => new six.FilterChainUser({ filter });

// restSeed is every operation of the REST seed by a client of @icure/api. api(user, password) is one for a user.
async function restSeed(client, { api, anonymous, User }) {
  const users = api(email, password);
  const at = `${client.replaceAll(/\W/g, '')}.example.com`;
  const patient = randomUUID(), doctor = randomUUID();
  let me, homer, lisa, ned, token;
  const it = (operation, run) => step(REST, operation, client, run);
  await it('Get presently logged-in user (current)', async () => {
    me = await users.getCurrentUser();
    assert.equal(me.email, email);
    assert.equal(me.healthcarePartyId, hcp);
    assert.equal(me.groupId, group);
  });
  await it('Get presently logged-in user (matches)', async () => {
    const all = await users.getMatchingUsers();
    assert.deepEqual(all.map((m) => [m.groupId, m.userId]), [[group, me.id]]);
  });
  await it('Get currently logged-in user session', async () => assert.ok(await users.getCurrentSession()));
  await it('Create a user', async () => {
    homer = await users.createUser(new User({ id: randomUUID(), name: 'Homer', email: `homer@${at}`, passwordHash: 'plain text password 7', healthcarePartyId: doctor }));
    assert.equal(homer.login, `homer@${at}`);
    assert.equal(homer.status, 'ACTIVE');
    assert.match(homer.rev, /^1-[0-9a-f]{32}$/);
    assert.equal(homer.healthcarePartyId, doctor);
  });
  await it('Create a user (patient)', async () => {
    lisa = await users.createUser(new User({ id: randomUUID(), name: 'Lisa', email: `lisa@${at}`, patientId: patient }));
    assert.equal(lisa.patientId, patient);
  });
  await it('Create a user (e-mail taken)', () => refused(() => users.createUser(new User({ id: randomUUID(), email: `homer@${at}` })), /email.*exists already/i));
  await it('Create a user (in a group)', async () => {
    ned = await users.createUserInGroup(group, new User({ id: randomUUID(), email: `ned@${at}` }));
    assert.equal(ned.healthcarePartyId ?? ned.patientId, undefined);
  });
  await it('Sign in with the password of the new user', async () => {
    assert.equal((await api(`homer@${at}`, 'plain text password 7').getCurrentUser()).id, homer.id);
    assert.equal((await api(`${group}/${homer.id}`, 'plain text password 7').getCurrentUser()).id, homer.id);
  });
  await it('Get a user by his ID', async () => assert.equal((await users.getUser(homer.id)).email, `homer@${at}`));
  await it('Get a user by his ID (unknown)', () => refused(() => users.getUser(randomUUID()), 404));
  await it('Get a user by his Email/Login', async () => assert.equal((await users.getUserByEmail(`homer@${at}`)).id, homer.id));
  await it('Modify a user', async () => {
    const old = homer;
    homer = await users.modifyUser(new User({ ...homer, name: 'Homer J.', mobilePhone: '+32470000' + (client.length + 100) }));
    assert.equal(homer.name, 'Homer J.');
    assert.match(homer.rev, /^2-/);
    await refused(() => users.modifyUser(new User({ ...old, name: 'Late' })), 409);
  });
  await it('Modify a user (in a group)', async () => {
    ned = await users.modifyUserInGroup(group, new User({ ...ned, name: 'Ned F.' }));
    assert.equal(ned.name, 'Ned F.');
  });
  await it('Modify a User property', async () => {
    homer = await users.modifyProperties(homer.id, [theme('light')]);
    homer = await users.modifyProperties(homer.id, [theme('dark'), { ...theme('big'), type: { identifier: 'org.example.font', type: 'STRING' } }]);
    assert.deepEqual(homer.properties.map((p) => p.typedValue.stringValue), ['dark', 'big']);
  });
  await it('Require a new temporary token for authentication', async () => {
    token = await users.getToken(homer.id, 'my-key', 3600);
    assert.equal((await api(`homer@${at}`, token).getCurrentUser()).id, homer.id);
    const first = token;
    token = await users.getToken(homer.id, 'my-key', 3600);
    await refused(() => api(`homer@${at}`, first).getCurrentUser(), 401);
    homer = await users.getUser(homer.id);
    assert.deepEqual(Object.keys(homer.authenticationTokens), ['my-key']);
    assert.equal(homer.authenticationTokens['my-key'].validity, 3600);
  });
  await it('Require a new temporary token (for oneself)', async () => {
    const self = api(`homer@${at}`, 'plain text password 7');
    assert.ok(await self.getToken(homer.id, 'own', 60));
    await refused(() => self.getToken(lisa.id, 'not own', 60), 403);
  });
  await it('Require a new temporary token (in a group)', async () => assert.ok(await users.getTokenInGroup(group, homer.id, 'k', undefined, 60)));
  await it('Check token validity', async () => {
    assert.equal(await users.checkTokenValidity(homer.id, token), true);
    assert.equal(await users.checkTokenValidity(homer.id, 'wrong'), false);
  });
  await it('checkPassword', async () => {
    assert.equal(await users.checkPassword(password), true);
    assert.equal(await users.checkPassword('wrong'), false);
  });
  await it('encodePassword', async () => {
    const encoded = await users.encodePassword('another plain password 8');
    homer = await users.modifyUser(new User({ ...homer, passwordHash: encoded }));
    assert.equal((await api(`homer@${at}`, 'another plain password 8').getCurrentUser()).id, homer.id);
    await refused(() => api(`homer@${at}`, 'plain text password 7').getCurrentUser(), 401);
  });
  await it('Get the list of users by healthcare party id', async () => assert.deepEqual(await users.findByHcpartyId(doctor), [homer.id]));
  if (users.findByPatientId) await it('Get the list of users by patient id', async () => assert.deepEqual(await users.findByPatientId(patient), [lisa.id]));
  await it('List users with pagination', async () => {
    const seen = [];
    for (let next = {}; next;) {
      const page = await users.listUsers(next.startKey, next.startKeyDocId, 1);
      seen.push(...page.rows.map((u) => u.id));
      next = page.nextKeyPair;
    }
    assert.ok(seen.includes(homer.id) && seen.includes(ned.id) && !seen.includes(lisa.id));
    assert.equal(new Set(seen).size, seen.length);
  });
  await it('List users with pagination (in a group)', async () => {
    const { rows } = await users.listUsersInGroup(group, undefined, undefined, 100);
    assert.ok([homer, lisa, ned].every((u) => rows.some((r) => r.id === u.id)));
  });
  await it('Filter users by ids', async () => {
    const page = await users.filterUsersBy(undefined, 10, chain(idsFilter(homer.id, lisa.id)));
    assert.deepEqual(page.rows.map((u) => u.id), [homer.id, lisa.id].sort());
    const first = await users.filterUsersBy(undefined, 1, chain(idsFilter(homer.id, lisa.id)));
    const second = await users.filterUsersBy(first.nextKeyPair.startKeyDocId, 1, chain(idsFilter(homer.id, lisa.id)));
    assert.deepEqual([first.rows[0].id, second.rows[0].id], page.rows.map((u) => u.id));
    assert.equal(second.nextKeyPair, undefined);
  });
  await it('Filter users by patient id', async () => {
    const page = await users.filterUsersBy(undefined, 10, chain({ $type: 'UsersByPatientIdFilter', patientId: patient }));
    assert.deepEqual(page.rows.map((u) => u.id), [lisa.id]);
  });
  await it('Filter users by name, e-mail or phone', async () => {
    const found = await users.matchUsersBy({ $type: 'UserByNameEmailPhoneFilter', searchString: `homer@${at}` });
    assert.deepEqual(found, [homer.id]);
  });
  await it('Filter users by union, intersection and complement', async () => {
    const match = (filter) => users.matchUsersBy(filter);
    const two = { $type: 'UnionFilter', filters: [idsFilter(homer.id), idsFilter(lisa.id)] };
    assert.deepEqual(await match(two), [homer.id, lisa.id].sort());
    assert.deepEqual(await match({ $type: 'IntersectionFilter', filters: [two, idsFilter(lisa.id)] }), [lisa.id]);
    assert.deepEqual(await match({ $type: 'ComplementFilter', superSet: two, subSet: idsFilter(lisa.id) }), [homer.id]);
    assert.ok((await match({ $type: 'AllUsersFilter' })).includes(me.id));
  });
  await it('Assign a healthcare party ID to current user', async () => {
    assert.equal((await users.assignHealthcareParty(hcp)).healthcarePartyId, hcp);
    await refused(() => api(`homer@${at}`, 'another plain password 8').assignHealthcareParty(hcp), 403);
  });
  await it('Send a forgotten email message to an user', async () => {
    await users.createUser(new User({ id: randomUUID(), email: `abe@${at}` })); // nobody deletes him before the mail has left
    const answer = anonymous ? await anonymous().forgottenPassword(`abe@${at}`, { subject: 'Reset', body: 'Token: {token}' })
      : await (await fetch(`${host}/user/forgottenPassword/abe%40${at}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"subject":"Reset"}' })).json();
    assert.equal(String(answer), 'true');
  });
  await it('Delete a User based on his/her ID (in a group)', async () => assert.equal((await users.deleteUserInGroup(group, ned.id)).id, ned.id));
  await it('Delete a User based on his/her ID', async () => {
    assert.match((await users.deleteUser(homer.id)).rev, /^\d+-/);
    await refused(() => users.getUser(homer.id), 404);
    await refused(() => api(`homer@${at}`, 'another plain password 8').getCurrentUser(), 401);
    assert.ok(await users.deleteUser(lisa.id));
  });
}

// ---- @icure/api 6.4.4
const ensemble = (user, pass) => new six.EnsembleAuthenticationProvider(new six.IccAuthApi(host, {}, new six.NoAuthenticationProvider(), fetch), user, pass);
const with6 = (user, pass) => new six.IccUserApi(host, {}, ensemble(user, pass), fetch);
const c6 = '@icure/api 6.4.4';
await restSeed(c6, { api: with6, User: six.User });

const auth6 = new six.IccAuthApi(host, {}, new six.NoAuthenticationProvider(), fetch);
let session;
await step(SDK, 'auth.login', c6, async () => {
  session = await auth6.login({ username: email, password });
  assert.equal(session.successful, true);
  assert.equal(session.token.split('.').length, 3);
  assert.ok(JSON.parse(Buffer.from(session.token.split('.')[1], 'base64url')).exp);
});
await step(SDK, 'auth.login (wrong password)', c6, () => refused(() => auth6.login({ username: email, password: 'wrong' }), 401));
await step(SDK, 'auth.check', c6, async () => {
  await auth6.check({ username: email, password });
  await refused(() => auth6.check({ username: email, password: 'wrong' }), 401);
});
await step(SDK, 'auth.refresh', c6, async () => {
  for (let i = 0; i < 2; i++) { // the client keeps its one refresh token
    const renewed = await auth6.refreshAuthenticationJWT(session.refreshToken);
    assert.ok(renewed.token);
  }
  await refused(() => auth6.refreshAuthenticationJWT(session.token), 401);
});
await step(SDK, 'Basic authentication', c6, async () => {
  const basic = (pass) => new six.IccUserApi(host, {}, new six.BasicAuthenticationProvider(email, pass), fetch);
  assert.equal((await basic(password).getCurrentUser()).email, email);
  assert.equal((await basic(password).getCurrentUser()).email, email);
  await refused(() => basic('wrong').getCurrentUser(), 401);
});
await step(SDK, 'default authentication (wrong password)', c6, () => refused(() => with6(email, 'wrong').getCurrentUser(), 401));
await step(SDK, 'getTokenInAllGroups', c6, async () => {
  const users = with6(email, password);
  const made = await users.createUser(new six.User({ id: randomUUID(), email: 'all@groups.example.com' }));
  const tokens = await users.getTokenInAllGroups('all@groups.example.com', 'k', undefined, 60);
  assert.deepEqual(tokens.map((t) => t.groupId), [group]);
  assert.equal((await with6('all@groups.example.com', tokens[0].token).getCurrentUser()).id, made.id);
});
await step(SDK, 'filterUsersInGroupBy', c6, async () => {
  const page = await with6(email, password).filterUsersInGroupBy(group, undefined, 1, chain({ $type: 'AllUsersFilter' }));
  assert.equal(page.rows.length, 1);
  assert.ok(page.nextKeyPair.startKeyDocId);
});
await step(SDK, 'auth.logout', c6, async () => {
  const provider = ensemble(email, password);
  const users = new six.IccUserApi(host, {}, provider, fetch);
  await users.getCurrentUser();
  const tokens = await provider.getIcureTokens();
  const out = new six.IccAuthApi(host, {}, provider, fetch);
  assert.equal((await out.logout()).successful, true);
  await refused(() => auth6.refreshAuthenticationJWT(tokens.refreshToken), 401);
});

// ---- what the MedTech SDK does, which stands on @icure/api and is on no registry
await step(MEDTECH, 'createAndInviteUser (e-mail)', c6, async () => {
  const users = with6(email, password);
  const patientId = randomUUID(), to = 'rod@medtech.example.com';
  const basic = 'Basic ' + Buffer.from(`${email}:${password}`).toString('base64');
  assert.deepEqual((await users.filterUsersBy(undefined, undefined, chain({ $type: 'UsersByPatientIdFilter', patientId }))).rows, []);
  const made = await users.createUser(new six.User({ id: randomUUID(), created: Date.now(), name: to, login: to, patientId, email: to, properties: [], roles: [], autoDelegations: {}, authenticationTokens: {} }));
  const token = await users.getToken(made.id, randomUUID(), 172800);
  const write = (address) => fetch(`${base}/msggw/ic/email/to/${address}`, {
    method: 'POST', headers: { Authorization: basic, 'Content-Type': 'application/json' },
    body: JSON.stringify({ from: 'dr@example.com', subject: 'Welcome', html: `<p>Dear Rod,</p><p>Your login is ${to} and your password ${token}</p>` }),
  });
  assert.ok((await write(to)).ok);
  assert.equal((await write('stranger@elsewhere.example')).status, 404);
  assert.equal((await with6(to, token).getCurrentUser()).patientId, patientId);
  const again = await users.filterUsersBy(undefined, undefined, chain({ $type: 'UsersByPatientIdFilter', patientId }));
  assert.equal(again.rows.length, 1);
});
await step(MEDTECH, 'createOrModifyUser, createToken, getUser, filterUsers, deleteUser', c6, async () => {
  const users = with6(email, password);
  let made = await users.createUser(new six.User({ id: randomUUID(), name: 'Todd', login: 'todd', email: 'todd@medtech.example.com', passwordHash: 'a plain password 9', properties: [], roles: [], autoDelegations: { all: ['x'] } }));
  const token = await users.getToken(made.id, randomUUID(), 3600);
  made = await users.getUser(made.id);
  made = await users.modifyUser(new six.User({ ...made, name: 'Todd F.', passwordHash: '*' }));
  assert.deepEqual(made.autoDelegations, { all: ['x'] });
  assert.equal((await with6('todd', token).getCurrentUser()).name, 'Todd F.');
  assert.equal((await with6('todd', 'a plain password 9').getCurrentUser()).name, 'Todd F.');
  assert.equal((await users.deleteUser(made.id)).id, made.id);
});

// ---- @icure/api 4.0.82
const c4 = '@icure/api 4.0.82';
const with4 = (user, pass) => new four.IccUserApi(host, { Authorization: 'Basic ' + Buffer.from(`${user}:${pass}`).toString('base64') }, fetch);
await restSeed(c4, { api: with4, anonymous: () => new four.IccUserApi(host, {}, fetch), User: four.User });

// ---- @icure/cardinal-sdk
const cc = '@icure/cardinal-sdk 1.0.0-RC.7';
const { CardinalBaseSdk, User, UserFilters, AuthenticationMethod } = cardinal;
const enter = (user, pass) => CardinalBaseSdk.initialize(undefined, base, new AuthenticationMethod.UsingCredentials.UsernamePassword(user, pass));
let sdk, marge, bart, old;
const it = (operation, run) => step(REST, operation, cc, run);
await step(SDK, 'CardinalBaseSdk.initialize', cc, async () => { sdk = await enter(email, password); });
await step(SDK, 'CardinalBaseSdk.initialize (wrong password)', cc, () => refused(() => enter(email, 'wrong'), 401));
if (sdk) {
  const margeID = randomUUID(), bartID = randomUUID(), doctor = randomUUID(), patient = randomUUID();
  await it('Get presently logged-in user (current)', async () => assert.equal((await sdk.user.getCurrentUser()).email, email));
  await it('Get presently logged-in user (matches)', async () => assert.equal((await sdk.user.getMatchingUsers())[0].groupId, group));
  await it('Create a user', async () => {
    marge = await sdk.user.createUser(new User({ id: margeID, name: 'Marge', passwordHash: 'plain text password 7', healthcarePartyId: doctor, email: 'marge@cardinal.example.com', mobilePhone: '+32470000001' }));
    assert.equal(marge.id, margeID);
  });
  await it('Create a user (patient)', async () => {
    bart = await sdk.user.createUser(new User({ id: bartID, patientId: patient, email: 'bart@cardinal.example.com' }));
    assert.equal(bart.patientId, patient);
  });
  await it('Create a user (e-mail taken)', () => refused(() => sdk.user.createUser(new User({ id: randomUUID(), email: 'marge@cardinal.example.com' })), 400));
  await it('Create a user (in a group)', async () => assert.ok(await sdk.user.createUserInGroup(group, new User({ id: randomUUID(), email: 'cg@cardinal.example.com' }))));
  await it('Get a user by his ID', async () => assert.equal((await sdk.user.getUser(margeID)).name, 'Marge'));
  await it('Get a user by his ID (unknown)', () => refused(() => sdk.user.getUser(randomUUID()), 404));
  await it('Get a user by his Email/Login', async () => assert.equal((await sdk.user.getUserByEmail('marge@cardinal.example.com')).id, margeID));
  await it('Get a user by phone number', async () => assert.equal((await sdk.user.getUserByPhoneNumber('+32470000001')).id, margeID));
  await it('Get users by ids', async () => assert.deepEqual((await sdk.user.getUsers([margeID, bartID])).map((u) => u.id), [margeID, bartID]));
  await it('List users with pagination', async () => {
    const seen = [];
    for (let next = {}; next;) {
      const page = await sdk.user.listUsersBy({ startKey: next.startKey, startDocumentId: next.startKeyDocId, limit: 2, skipPatients: false });
      seen.push(...page.rows.map((u) => u.id));
      next = page.nextKeyPair;
    }
    assert.ok(seen.includes(margeID) && seen.includes(bartID));
    assert.equal(new Set(seen).size, seen.length);
  });
  await it('List users with pagination (in a group)', async () => assert.ok((await sdk.user.listUsersInGroup(group)).rows.some((u) => u.id === bartID)));
  const all = async (filter) => {
    const found = [], pages = await sdk.user.filterUsersBy(filter);
    while (await pages.hasNext()) found.push(...await pages.next(10));
    return found.map((u) => u.id);
  };
  await it('Filter users by ids', async () => assert.deepEqual((await all(UserFilters.byIds([margeID, bartID]))).sort(), [margeID, bartID].sort()));
  await it('Filter users by patient id', async () => assert.deepEqual(await all(UserFilters.byPatientId(patient)), [bartID]));
  await it('Get the list of users by healthcare party id', async () => {
    assert.deepEqual(await all(UserFilters.byHealthcarePartyId(doctor)), [margeID]);
    assert.deepEqual(await sdk.user.findByHcpartyId(doctor), [margeID]);
  });
  await it('Get the list of users by patient id', async () => assert.deepEqual(await sdk.user.findByPatientId(patient), [bartID]));
  await it('Filter users by name, e-mail or phone', async () => {
    assert.deepEqual(await all(UserFilters.byNameEmailOrPhone('marge')), [margeID]);
    assert.ok((await sdk.user.matchUsersBy(UserFilters.all())).length > 2);
  });
  await it('Modify a user', async () => {
    old = marge;
    marge = await sdk.user.modifyUser(new User({ ...marge, name: 'Marge S.' }));
    assert.equal(marge.name, 'Marge S.');
    await refused(() => sdk.user.modifyUser(new User({ ...old, name: 'Late' })), /Revision|409/);
  });
  await it('Modify a user (in a group)', async () => {
    marge = await sdk.user.modifyUserInGroup(group, new User({ ...marge, name: 'Marge in group' }));
    assert.equal(marge.name, 'Marge in group');
  });
  await it('Modify a User property', async () => {
    const stub = new cardinal.EncryptedPropertyStub({ id: 'p1', type: new cardinal.PropertyTypeStub({ identifier: 'org.example.theme', type: cardinal.TypedValuesType.String }), typedValue: new cardinal.EncryptedTypedValue({ type: cardinal.TypedValuesType.String, stringValue: 'dark' }) });
    marge = await sdk.user.modifyProperties(margeID, [stub]);
    assert.equal(marge.properties.length ?? marge.properties.size, 1);
  });
  await it('Assign a healthcare party ID to current user', async () => assert.equal((await sdk.user.assignHealthcareParty(hcp)).healthcarePartyId, hcp));
  await it('Require a new temporary token for authentication', async () => {
    const token = await sdk.user.getToken(margeID, 'ck', { tokenValidity: 3600 });
    assert.equal((await (await enter('marge@cardinal.example.com', token)).user.getCurrentUser()).id, margeID);
    assert.ok(await sdk.user.getTokenInGroup(group, margeID, 'ck', { tokenValidity: 60 }));
    assert.equal((await sdk.user.getTokenInAllGroups('marge@cardinal.example.com', 'ck'))[0].groupId, group);
  });
  await step(SDK, 'switchGroup', cc, async () => assert.equal((await (await sdk.switchGroup(group)).user.getCurrentUser()).email, email));
  await it('Delete a User based on his/her ID', async () => {
    marge = await sdk.user.getUser(margeID);
    await refused(() => sdk.user.deleteUserById(margeID, old.rev), /Revision|409/);
    const gone = await sdk.user.deleteUserById(margeID, marge.rev);
    await refused(() => sdk.user.undeleteUserById(margeID, marge.rev), /Revision|409/);
    marge = await sdk.user.undeleteUserById(margeID, gone.rev);
    assert.equal(marge.email, 'marge@cardinal.example.com');
  });
  await it('Delete a User based on his/her ID (in a group)', async () => assert.ok(await sdk.user.deleteUserInGroupById(group, bartID, (await sdk.user.getUser(bartID)).rev)));
  await step(SDK, 'deleteUserUnsafe, purgeUserById', cc, async () => {
    const gone = await sdk.user.deleteUserUnsafe(margeID);
    await sdk.user.purgeUserById(margeID, gone.rev);
    await refused(() => sdk.user.undeleteUserById(margeID, gone.rev), 404);
  });
}
process.exit();
