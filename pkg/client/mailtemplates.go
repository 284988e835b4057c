package client

import (
	"context"
	"net/http"
)

// MailWords are a mail as it is written, with the placeholders {{app}}, {{project}}, {{name}}, {{email}} and
// {{link}}.
type MailWords struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html"`
}

// MailTemplate are the words of a mail as the project sends it.
type MailTemplate struct {
	Template string `json:"template"` // invite, welcome or reset
	Own      bool   `json:"own"`
	Version  string `json:"version"`         // "0" while the words are not the project's
	Fault    string `json:"fault,omitempty"` // why they may not be sent, so that Admit's own are
	MailWords
}

// MailTemplates lists the mails that the project may write in its own words.
func (c *Client) MailTemplates(ctx context.Context) ([]MailTemplate, error) {
	var list struct {
		Templates []MailTemplate `json:"templates"`
	}
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"mail-templates"}, into: &list})
	return list.Templates, err
}

// MailTemplate reads the words of a mail as the project sends it.
func (c *Client) MailTemplate(ctx context.Context, template string) (read MailTemplate, err error) {
	err = c.do(ctx, call{method: http.MethodGet, path: []string{"mail-templates", template}, into: &read})
	return read, err
}

// PutMailTemplate gives a mail words of its own, in place of those of the version that is named or of any.
func (c *Client) PutMailTemplate(ctx context.Context, template, version string, words MailWords) (put MailTemplate, err error) {
	err = c.do(ctx, call{method: http.MethodPut, path: []string{"mail-templates", template}, body: words, header: ifMatch(version), into: &put})
	return put, err
}

// DeleteMailTemplate gives a mail the usual words back.
func (c *Client) DeleteMailTemplate(ctx context.Context, template, version string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: []string{"mail-templates", template}, header: ifMatch(version)})
}

// PreviewMail shows how a mail would read in these words.
func (c *Client) PreviewMail(ctx context.Context, template string, words MailWords) (seen MailWords, err error) {
	err = c.do(ctx, call{method: http.MethodPost, path: []string{"mail-templates", template, "preview"}, body: words, into: &seen})
	return seen, err
}
