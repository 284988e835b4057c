package apptest_test

// difference is a place where Admit does not answer as the recorded server did, and why. The
// file's number, the exchange and the path are patterns: * stands for anything, ? for one character.
type difference struct{ file, exchange, path, reason string }

// deliberate are the differences that stay.
var deliberate = []difference{
	{"01", "health", "body.version", "Admit's own version"},
	{"01", "health", "body.runtime", "Admit's own runtime"},
	{"01", "o*", "body.code_challenge_methods_supported*", "S256 only (RFC 9700 §2.1.1)"},
	{"01", "o*", "body.id_token_signing_alg_values_supported*", "tokens are signed with ES256 alone"},
	{"01", "o*", "body.response_types_supported*", "no implicit grant (RFC 9700 §2.1.2)"},
	{"01", "o*", "body.subject_types_supported*", "sub is the same for every client"},
	{"01", "o*", "body.scopes_supported*", "offline_access is offered, addresses are not"},
	{"01", "o*", "body.request*", "request objects are not taken, unsigned ones least of all"},
	{"01", "o*", "body.registration_endpoint", "clients register where a project lets them, and it is named to who asks about that project"},
	{"01", "o*", "body.claims_supported", "recommended by OpenID Connect Discovery §3"},
	{"01", "o*", "body.acr_values_supported*", "a sign-in by passkey says that it was phishing-resistant (OpenID EAP)"},
	{"01", "o*", "body.introspection_endpoint_auth_methods_supported*", "introspection wants a client (RFC 7662 §2.1)"},
	{"01", "o*", "body.revocation*", "RFC 7009 is offered"},
	{"01", "o*", "body.end_session_endpoint", "RP-initiated logout is offered"},
	{"01", "o*", "body.prompt_values_supported*", "what the authorization endpoint understands is told"},
	{"01", "o*", "body.authorization_response_iss_parameter_supported", "answers say who gives them (RFC 9207)"},
	{"01", "o*", "body.pushed_authorization_request_endpoint", "requests may be pushed (RFC 9126)"},
	{"01", "o*", "body.require_pushed_authorization_requests", "requests may be pushed (RFC 9126)"},
	{"01", "o*", "body.dpop_signing_alg_values_supported*", "tokens may be bound to a key (RFC 9449)"},
	{"01", "jwks", "body.keys[0].?", "Admit's own keys"},
	{"01", "capability statement", "*", "Admit describes itself, in FHIR's media type"},
	{"01", "unknown path", "*", "an OperationOutcome, not a framework's page"},

	{"02", "nothing sent", "body.issue.length", "one issue for one mistake"},
	{"13", "reset password, bad e-mail", "body.issue.length", "one issue for one mistake"},
	{"*", "*", "body._decoded_id_token.claims.amr*", "an ID token says how somebody signed in (RFC 8176)"},
	{"*", "*", "body._decoded_*_token.claims.token_use", "each kind of token says which it is, and is refused as another"},

	{"03", "short password", "body.*", "what is typed to sign in is right or wrong; rules are for new passwords"},
	{"03", "empty body", "body.issue[1].details.text", "what is typed to sign in is right or wrong; rules are for new passwords"},
	{"03", "unknown user", "body.issue[0].details.text", "nobody learns who has an account"},
	{"03", "unknown project", "body.issue[0].details.text", "nobody learns who has an account"},
	{"10", "patient, no projectId: POST /auth/login", "body.issue[0].details.text", "nobody learns who has an account"},
	{"04", "plain PKCE *", "status", "S256 only (RFC 9700 §2.1.1)"},
	{"04", "JSON instead of a form", "header.content-type", "the text is plain text"},

	{"06", "pre-authorized code, junk", "body.error_description", "there is no such grant"},
	{"06", "create client", "header.*", "a resource comes with its version"},
	{"08", "s*", "header.*", "a resource comes with its version"},
	{"11", "*get", "header.*", "a resource comes with its version"},
	{"11", "update*", "header.*", "a resource comes with its version"},
	{"*", "*", "body.accessPolicy", "a membership ends up with a policy"},
	{"*", "*", "body.entry[?].resource.accessPolicy", "a membership ends up with a policy"},
	{"*", "*", "body.defaultAccessPolicies", "a project has default policies"},
	{"18", "projects", "body.entry[?].resource.defaultAccessPolicies", "a project has default policies"},
	{"*", "/auth/me*", "body.accessPolicy.*", "a membership ends up with a policy"},
	{"06", "/auth/me as client", "body.profile.*", "the policy counts for one's own profile; secrets are not told"},
	{"12", "/auth/me shows*", "body.profile.*", "the policy counts for one's own profile"},
	{"*", "/auth/me*", "body.profile.meta.compartment.length", "a Practitioner's compartment is R4's"},
	{"*", "/auth/me*", "body.security.sessions*", "the newest first; without those that a replayed token or plain PKCE would have left"},

	{"07", "userinfo", "body.sub", "sub is what the tokens say (OpenID Connect Core §5.3.2)"},
	{"07", "introspect", "status", "introspection wants a client (RFC 7662 §2.1)"},
	{"07", "introspect, as client", "body.token_*", "the type (RFC 7662 §2.2) and the kind of the token are told"},
	{"07", "introspect, as client", "body.fhirUser", "SMART App Launch 2.2, token introspection"},
	{"08", "project, other id in the path", "status", "the project in the path counts"},
	{"09", "*", "body.issue*.diagnostics", "the texts are Medplum's; which type may be invited, and that an address is none, is told beside them"},
	{"09", "admin of project 2 names project 1 in the path", "status", "the project in the path counts"},
	{"09", "unknown access policy", "status", "a policy that does not exist is refused"},
	{"09", "policy of another project", "body.issue[0].expression", "the place of the mistake is told"},
	{"09", "policy of another project", "body.issue[0].details.text", "what another project has does not exist here"},
	{"10", "user with mfaRequired: POST /auth/login", "body.enrollUri", "Admit is the issuer"},
	{"11", "list*", "body.link[2].url", "pages are found by key, so that none repeats or is lost"},
	{"11", "list", "body.total", "without the member whose policy does not exist"},

	{"*", "history*", "body.entry[?].request.*", "what was done (R4 http.html#history)"},
	{"*", "history*", "body.entry[?].response.*", "when it was done, and whether it created"},
	{"*", "*", "header.location", "with the version (R4 http.html#create)"},
	{"14", "type history", "*", "the history of a type is told (R4 http.html#history)"},
	{"18", "Project/$init", "body.meta.*", "a Project is in no project"},
	{"*", "history*", "body.link*", "pages have links"},
	{"09", "mail to the existing user", "mail.*", "a password that another project set opens this one only after the mailed link was used (pre-hijacking)"},
	{"10", "user with memberships in two projects*", "body.memberships*", "a password that another project set opens this one only after the mailed link was used (pre-hijacking)"},
	{"10", "profile: pick the one of project 2", "*", "a password that another project set opens this one only after the mailed link was used (pre-hijacking)"},
	{"10", "profile: pick again", "*", "a password that another project set opens this one only after the mailed link was used (pre-hijacking)"},
	{"10", "chosen: POST /oauth2/token*", "*", "a password that another project set opens this one only after the mailed link was used (pre-hijacking)"},
	{"10", "same user, projectId given*", "*", "a password that another project set opens this one only after the mailed link was used (pre-hijacking)"},
	{"11", "get, from another project", "*", "a password that another project set opens this one only after the mailed link was used (pre-hijacking)"},

	{"14", "create, Prefer return=minimal", "header.content-type", "nothing has no type"},
	{"??", "not JSON", "body.issue[0].diagnostics", "the place of the mistake is told"},
	{"15", "wrong content type", "status", "415 (R4 http.html#mime-type)"},
	{"15", "two values of value[x]", "status", "a choice has one value (R4 formats.html#choice)"},
	{"15", "required code outside its value set", "status", "a required binding binds (R4 terminologies.html#required)"},
	{"15", "empty string", "status", "R4 json.html forbids it, and nothing of a resource is dropped"},
	{"15", "empty array", "status", "R4 json.html forbids it, and nothing of a resource is dropped"},

	{"16", "elements", "body.entry[0].resource.meta.tag.length", "SUBSETTED is told by R4's own code system, too"},
	{"16", "fields", "body.entry[0].resource.meta.tag.length", "SUBSETTED is told by R4's own code system, too"},
	{"16", "by name:exact", "body.*", "exact is about a part of the name (R4 search.html#string)"},
	{"16", "_filter", "body.*", "eq is about a part of the name, as :exact is"},
	{"16", "*", "body.link[2].url", "pages are found by key, so that none repeats or is lost"},
	{"16", "count too large", "body.entry.length", "without the four patients that were refused in 15"},
	{"16", "count 0", "body.total", "a page of none is a count (R4 search.html#count)"},
	{"16", "count 0", "body.link[0].url", "the link says that the total is asked for"},
	{"16", "by date range", "body.entry[0].resource.meta.versionId", "without _sort another of the matches comes first"},
	{"16", "or", "body.entry[0].resource.meta.versionId", "without _sort another of the matches comes first"},
	{"16", "unknown modifier", "status", "what is not understood is refused (R4 search.html#modifiers)"},
	{"16", "cursor", "status", "a cursor that no page had is refused"},
	{"16", "system search", "body.link[?].url", "the links of a search of several types lead to it"},
	{"16", "$everything", "body.*", "the patient comes first, and the links are those of the operation"},
	{"16", "compartment search", "status", "compartments are searched (R4 http.html#vsearch)"},
	{"17", "*", "body.entry[?].response.location", "with the version, as R4's Location has it (http.html#create)"},
	{"17", "*", "body.entry[?].response.etag", "the version is told (R4 bundle.html#transaction-response)"},
	{"17", "*", "body.entry[?].response.lastModified", "when it was written is told"},
	{"17", "batch", "body.entry[?].response.outcome.extension", "a refusal names the request, in a batch too"},
	{"17", "transaction with a bad entry*", "status", "a transaction succeeds or fails whole (R4 http.html#trules)"},
	{"17", "nothing of it is left", "body.total", "a transaction succeeds or fails whole (R4 http.html#trules)"},

	{"01", "o*", "body.token_endpoint_auth_methods_supported*", "none is named too: public clients work"},
	{"01", "o*", "body.*_endpoint_auth_signing_alg_values_supported*", "RFC 8414 §2: how assertions may be signed is told"},
	{"01", "smart configuration*", "*", "capabilities, scopes and algorithms that work, and no others"},
	{"18", "*", "body*display", "the first super admin's own name"},
	{"18", "/auth/me", "body.profile.name[0].given[0]", "the first super admin's own name"},
	{"18", "/auth/me", "body.config.menu*", "menus for what Admit has"},
	{"18", "projects", "body.link[2].url", "pages are found by key, so that none repeats or is lost"},
	{"18", "projects", "body.total", "the recorded server had been used before"},
	{"18", "another project by the admin path", "body.project*", "the project in the path counts, for super admins too"},
	{"18", "member of another project", "status", "the project in the path counts, for super admins too"},
	{"18", "user", "body.passwordHash", "a hash is in no resource"},
	{"18", "logins", "body*", "sessions are no resources"},
}

func explain(m mismatch) (difference, bool) {
	for _, d := range deliberate {
		if like(d.file, m.File[:2]) && like(d.exchange, m.Exchange) && like(d.path, m.Path) {
			return d, true
		}
	}
	return difference{}, false
}

// like is path.Match without its meaning of slashes and brackets.
func like(pattern, s string) bool {
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '*' {
			for j := 0; j <= len(s); j++ {
				if like(pattern[i+1:], s[j:]) {
					return true
				}
			}
			return false
		}
		if len(s) == 0 || pattern[i] != '?' && s[0] != pattern[i] {
			return false
		}
		s = s[1:]
	}
	return s == ""
}
