// Package scim is the SCIM 2.0 surface of package admin (RFC 7643, 7644): identity providers keep the
// users of a project and their roles with it. It reads, calls and writes; the rules are the services'.
//
//   - Callers are administrators, people or clients, and the project is their own: no path names one, and
//     what is in another project does not exist here.
//   - A User is a user of the project (admin.User) and goes by the membership's id. userName is the login,
//     or the address of who has none. A userName that is an address is the one they sign in with, else it
//     is the primary of emails. The mobile number is a number to sign in with too, so it is nobody else's.
//     userType is the type of the profile and stays. What else the schemas know is kept with the
//     membership and given back as it was written; nothing of it is acted upon, and no attribute makes an
//     administrator.
//   - A Group is a role: an AccessPolicy by its name. Being a member is having it. A Group that is made
//     here allows nothing until somebody gives the policy rules; deleting one takes it from its members.
//   - A filter becomes a predicate of the store as far as the index goes. Where it does not go all the way,
//     what it leaves is looked at here, up to maxScanned resources; more is refused with tooMany.
//   - PATCH takes what the standard says and what Okta and Microsoft Entra send besides: operations in any
//     case, values without a path, paths as names, booleans as texts, and members to remove as a value.
//   - Unknown and read-only attributes of a resource are ignored (RFC 7644 §3.3); a path of PATCH or a
//     filter that names one is refused.
package scim
