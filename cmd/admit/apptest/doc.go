// Package apptest starts whole servers for tests: real listener, real database, every room wired
// as the command wires it. What a test asks goes over the wire, as any client's request does.
//
//   - Start begins with one project of each kind of caller (see Roles) and returns when it answers.
//   - Nothing is limited and the drawer keeps the mails, unless an option says otherwise.
//   - A test on both databases wraps Start in storetest.Each and passes On(db).
package apptest
