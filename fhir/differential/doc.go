// Package differential holds a test alone: for random policies, data and requests of every kind, what
// each caller gets from the FHIR surface, and what is stored afterwards, equals what a brute-force
// reading of the policy allows.
//
//   - The reading is written from the words of the AccessPolicy contract over plain JSON; it calls
//     nothing of fhir/policy, fhir/search or fhir/repo.
//   - Each resource and each text in it has a mark of its own. A mark in an answer, its headers or its
//     links that the caller was neither to see nor has sent itself is a leak.
//   - A failure names the seed, the caller's policies, the request, what was expected and what came.
package differential
