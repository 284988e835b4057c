// Package audit writes down who did what to whom, as AuditEvents (R4 auditevent.html) in the shapes
// of IHE's Basic Audit Log Patterns.
//
//   - An event names people and things by reference; it never holds a secret, a password, a token
//     or the content of a resource.
//   - It says why Admit acted with its own rights in the transaction, where it did.
//   - An event is never changed or deleted through any interface, and only the administrators of its
//     project read it.
//
// # When it is written
//
// What changes something is recorded in the transaction that does it: neither is there without the
// other. The record goes into a journal, one row without an index, in the very statement of the
// write where there is one. Refusals and reads change nothing, so they are recorded by Notes, in
// groups: a process that is killed loses those of its last tenth of a second.
//
// # How it is sealed
//
// Each project has a chain: every link holds a sequence, the id of a record and a hash over the link
// before it and the record's bytes. Were the sequence given by the transaction that records, every
// writer of a project would wait for the one before it to commit. So nobody but the Sealer touches
// the chain: at most half a second after the commit it takes what waits in the journal, in the order
// of the ids, makes AuditEvents of it among the project's resources, where FHIR's search finds them,
// and lengthens the chain, all in one transaction that holds the chain's head. Any process may seal;
// what one that was killed has left, the next one takes.
//
// The order of the chain is that of sealing. A record waits unprotected for that half second, and is
// protected from then on: Verify tells of each that was changed, removed, added or put elsewhere.
// The end of the chain is kept apart, signed with the server's key, so that the last records cannot
// be cut off unseen. Whoever may write to the database and has the server's key can make a new chain;
// against that, keep the heads that `admit audit verify` prints somewhere else and compare them.
package audit
