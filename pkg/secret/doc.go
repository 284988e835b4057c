// Package secret holds what is done with secrets: hashing passwords, judging them, making random
// tokens, comparing, and sealing what a protocol needs in the plain.
//
//   - A password is kept as Argon2id (OWASP: 19 MiB, two passes, one lane). Hashing waits for one of
//     few slots, so that sign-ins can starve neither memory nor the requests that need none.
//   - Verifying against nobody costs what verifying against somebody does.
//   - A secret of high entropy is kept as SHA-256; slow hashing would add nothing.
//   - Passwords are judged as NIST SP 800-63B §3.1.1.2 says: a least length, no rules of
//     composition, nothing cut, common ones and one's own name refused.
//   - Randomness is the operating system's. Nothing here is logged or part of an error.
package secret
