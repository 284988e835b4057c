package apptest_test

import "strings"

// The recordings hide who calls behind "Bearer <credentials>". These tables say it again: in whose
// name a token was given, and who used it.

// signsIn names, for an exchange that gives an access token, the caller who holds it from then on.
var signsIn = map[string]string{
	"first token: POST /oauth2/token authorization_code":           "owner",
	"after change password: POST /oauth2/token authorization_code": "owner",
	"client credentials in the body":                               "client",
	"second owner: POST /oauth2/token authorization_code":          "second owner",
	"patient: POST /oauth2/token authorization_code":               "patient",
	"restricted user: POST /oauth2/token authorization_code":       "restricted user",
	"read-only user: POST /oauth2/token authorization_code":        "read-only user",
	"super admin: POST /oauth2/token authorization_code":           "super admin",
	"short-lived: POST /oauth2/token authorization_code":           "short-lived",
	"to log out: POST /oauth2/token authorization_code":            "to log out",
}

// calledBy names the callers that are not the owner of the first project; a file is followed by
// the names of its exchanges.
var calledBy = map[string]map[string]string{
	"06-clients-and-client-credentials.json": {
		"/auth/me as client": "client",
	},
	"09-invite.json": {
		"existing user into the second project":          "second owner",
		"its User, read by the second project admin":     "second owner",
		"policy of another project":                      "second owner",
		"admin of project 2 names project 1 in the path": "second owner",
		"project 2 reads a patient of project 1":         "second owner",
	},
	"10-choose-profile.json": {
		"/auth/me as patient": "patient",
	},
	"11-members.json": {
		"get, from another project": "second owner",
	},
	"15-fhir-validation.json": {
		"create a User as client":    "client",
		"create a Project as client": "client",
		"create a Login as client":   "client",
	},
	"19-revoke-logout.json": {
		"use of the revoked token": "short-lived",
		"logout":                   "to log out",
		"after logout":             "to log out",
	},
}

// caller tells whose token an exchange carries.
func caller(file, name string, switched string) string {
	if who := calledBy[file][name]; who != "" {
		return who
	}
	switch {
	case strings.Contains(name, "(non-admin) client"):
		return "client"
	case file == "12-access-policy-effect.json" && !strings.HasPrefix(name, "admin:"):
		return switched
	case file == "18-super-admin.json":
		return "super admin"
	}
	return "owner"
}
