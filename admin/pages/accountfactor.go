package pages

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/outcome"
)

// authenticatorForm offers an authenticator app.
func (h *Handler) authenticatorForm(ctx context.Context, a admin.Account, _ url.Values) (form, error) {
	offered, err := h.SignIn.MFAStatus(ctx, a.Caller)
	switch {
	case err != nil:
		return form{}, err
	case offered.Enrolled:
		return form{}, outcome.New(outcome.Invalid, "Your authenticator app is set up already")
	case offered.URI == "":
		return form{}, admin.StaleNow()
	}
	f := enrolForm(offered.URI, offered.QRCode)
	f.title = "Set up an authenticator app"
	return f, nil
}

func (h *Handler) authenticator(ctx context.Context, a admin.Account, entered url.Values) (changed, error) {
	codes, err := h.SignIn.EnrollMFA(ctx, a.Caller, strings.ReplaceAll(entered.Get("code"), " ", ""))
	return changed{codes: codes}, err
}

func (h *Handler) removeAuthenticatorForm(context.Context, admin.Account, url.Values) (form, error) {
	return form{
		title: "Remove your authenticator app?", button: "Remove", intro: "Enter a code that it shows, or a recovery code.",
		fields: []field{{name: "code", label: "Code", kind: "text", autocomplete: "one-time-code"}},
	}, nil
}

func (h *Handler) removeAuthenticator(ctx context.Context, a admin.Account, entered url.Values) (changed, error) {
	return changed{}, h.SignIn.DisableMFA(ctx, a.Caller, strings.ReplaceAll(entered.Get("code"), " ", ""))
}

func (h *Handler) recoveryCodesForm(context.Context, admin.Account, url.Values) (form, error) {
	return form{title: "Make new recovery codes?", button: "Make new codes", intro: "Those that you have stop working."}, nil
}

func (h *Handler) recoveryCodes(ctx context.Context, a admin.Account, _ url.Values) (changed, error) {
	codes, err := h.SignIn.RenewRecoveryCodes(ctx, a.Caller)
	return changed{codes: codes}, err
}

// newPasskeyForm comes with the challenge for the new passkey.
func (h *Handler) newPasskeyForm(ctx context.Context, a admin.Account, entered url.Values) (form, error) {
	options, err := h.SignIn.PasskeyCreation(ctx, a.Caller)
	if err != nil {
		return form{}, err
	}
	raw, err := json.Marshal(options)
	return form{
		title: "Add a passkey", intro: "Your device keeps the passkey and unlocks it with your finger, your face or its PIN. This needs a browser with JavaScript.",
		passkey: &passkeyForm{
			ceremony: "create", options: string(raw), button: "Add a passkey",
			fields: []field{{name: "name", label: "Name of this device", kind: "text", autocomplete: "off", value: entered.Get("name"), focused: true}},
		},
	}, err
}

func (h *Handler) newPasskey(ctx context.Context, a admin.Account, entered url.Values) (changed, error) {
	added, err := h.SignIn.AddPasskey(ctx, a.Caller, admin.NewPasskey{Name: entered.Get("name"), Credential: credential(entered)})
	return changed{codes: added.RecoveryCodes}, err
}

func (h *Handler) renamePasskeyForm(_ context.Context, a admin.Account, entered url.Values) (form, error) {
	p, err := ownPasskey(a, entered)
	return form{
		title: "Rename a passkey", button: "Rename", hidden: []field{{name: "id", value: p.ID}},
		fields: []field{{name: "name", label: "Name", kind: "text", autocomplete: "off", value: p.Name}},
	}, err
}

func (h *Handler) renamePasskey(ctx context.Context, a admin.Account, entered url.Values) (changed, error) {
	return changed{}, h.SignIn.RenamePasskey(ctx, a.Caller, entered.Get("id"), entered.Get("name"))
}

func (h *Handler) deletePasskeyForm(_ context.Context, a admin.Account, entered url.Values) (form, error) {
	p, err := ownPasskey(a, entered)
	return form{title: "Delete “" + p.Name + "”?", button: "Delete", hidden: []field{{name: "id", value: p.ID}}}, err
}

func (h *Handler) deletePasskey(ctx context.Context, a admin.Account, entered url.Values) (changed, error) {
	return changed{}, h.SignIn.DeletePasskey(ctx, a.Caller, entered.Get("id"))
}

func ownPasskey(a admin.Account, entered url.Values) (admin.Passkey, error) {
	for _, p := range a.Passkeys {
		if p.ID == entered.Get("id") {
			return p, nil
		}
	}
	return admin.Passkey{}, outcome.New(outcome.NotFound, "")
}
