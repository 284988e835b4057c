// Package oauth is the authorization server: the token endpoint (RFC 6749, RFC 7636), refresh
// tokens, keys and their rotation, discovery (RFC 8414, SMART App Launch), registration (RFC 7591), userinfo, introspection
// (RFC 7662), revocation (RFC 7009), logout (also RP-initiated), and the reading of credentials on every other request. Who may sign in, and
// how, is decided by package admin, which asks here for a code; what a caller may do is fhir/policy's.
//
//   - A token is a JWT signed with ES256 by a key of this server. Its token_use says what it is for;
//     an access token alone opens the server, a refresh token alone refreshes.
//   - sub is the user's id in every token and answer.
//   - A code or refresh token is used up by compare-and-set. Using one again ends the login and
//     with it every token that it gave (RFC 9700 §4.14).
//   - Codes and refresh tokens are kept as SHA-256; the client's secret is compared by its hash.
//   - A dialect's client may keep one token for as long as its session lasts; it renews access tokens there
//     and is no refresh token (SignSession).
//   - A client may show who it is by an assertion that one of its own keys signed (RFC 7523). It is
//     good once and for five minutes, with RS384 or ES384; the keys come from the client's jwksUri.
//   - A client that is known to be confidential, by its keys or because it has registered itself, gets no
//     token without showing who it is; any other may run in a browser, where PKCE must do.
//   - A client that registers itself (RFC 7591) has no rights of its own, and asks for no more than its
//     project lets such clients have.
//   - What a client was launched about (SMART App Launch) is the login's: its tokens and every refresh say it.
//   - A failure of ours is server_error and 500, never invalid_client.
//   - Discovery names what works and nothing else.
//
// It knows projects, clients and people only through Directory and Registrar.
package oauth
