// Package web is what every HTTP surface stands on: bounded and strict reading of bodies, the
// rendering of errors as OperationOutcome, request ids, security headers, CORS, rate limits,
// metrics and the probes. It decides how a request is received and how an answer is written,
// never who may do what.
//
//   - No body is read without a bound, and a body is UTF-8 or refused.
//   - An *outcome.Outcome is shown as it is; any other error is logged whole with the request id
//     and shown as "exception", so that nothing internal reaches a client.
//   - X-Forwarded-For counts only when a trusted proxy sent it, X-Forwarded-Host never: links come
//     from the configured base URL alone.
//   - Every route also answers under /api (see Handler), so surfaces mount themselves once.
//
// A surface is a struct with Mount(group); its group carries Errors with the surface's renderer.
package web
