package mail

import (
	"strings"

	"golang.org/x/net/html"
)

// This file keeps a link to whom it is mailed: whoever has it sets the password. As a part of another address, of a
// picture too, it would be sent there when the mail is opened or the address is followed.

// sampleSecret is found in sampleLink however that is escaped.
const (
	sampleSecret = "Sample0Secret"
	sampleLink   = "https://example.com/setpassword/" + sampleSecret
)

// keepsLink says whether the link stands in a text so that no program takes it for the end of another address.
func keepsLink(text string) bool {
	parts := strings.Split(text, sampleLink)
	for i, before := range parts[:len(parts)-1] {
		begins := before == "" && i == 0
		if !begins && (before == "" || !strings.ContainsAny(before[len(before)-1:], " \t\r\n<>\"")) {
			return false
		}
	}
	return !strings.Contains(strings.Join(parts, ""), sampleSecret) // a piece of it
}

// markupKeepsLink is keepsLink of HTML that has been written.
func markupKeepsLink(text string) bool {
	tokens := html.NewTokenizer(strings.NewReader(text))
	within := ""
	for {
		switch kind := tokens.Next(); kind {
		case html.ErrorToken:
			return true
		case html.TextToken:
			shown := string(tokens.Text())
			if !keepsLink(shown) || within == "style" && strings.Contains(shown, sampleSecret) {
				return false
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			within = token.Data
			for _, a := range token.Attr {
				if strings.Contains(a.Key+a.Val, sampleSecret) && (token.Data != "a" || a.Key != "href" || a.Val != sampleLink) {
					return false
				}
			}
		default:
			if strings.Contains(string(tokens.Raw()), sampleSecret) {
				return false
			}
			within = ""
		}
	}
}
