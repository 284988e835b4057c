// Package jobs runs work that must not happen within a transaction (mail, webhooks) after the
// transaction that asked for it is committed. It stands on River, whose tables are in the same
// database.
//
//   - A job is queued by the transaction that needs it: rolled back, it never was.
//   - A job runs at least once; one that fails is tried again, later each time, for about a day
//     and then kept as discarded. So its work must be repeatable.
//   - A job whose process has died is tried again within two minutes, however long it may take: while
//     it runs, its process says every quarter of a minute that it does (lease.go).
//   - Jobs that may take long have a queue and places of their own: whoever asks for many of them holds up
//     no mail.
//   - Work queued by this process begins at once, by others within a second.
//
// It decides nothing about what the work is.
//
// River polls, because LISTEN does not pass PgBouncer. What it would hear there it is told in
// process: listener stands where River expects the database's.
//
// On SQLite River shares the store's single writing connection (River asks for a pool of one
// itself). Its short statements and the store's groups of writes take turns in database/sql's
// queue; neither holds the connection while it waits for the other, because a job's work runs
// outside of River's transactions.
package jobs
