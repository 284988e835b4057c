package mail

import (
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/net/html"

	"github.com/admitdev/admit/pkg/store"
)

// A Note is what somebody writes to a user of their project. It is sent as text under the project's
// name, whatever markup it came with: nobody composes a page that looks like the server's own.
type Note struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// Secret is the note as a Letter takes it.
func (n Note) Secret() string {
	kept, err := json.Marshal(n)
	if err != nil { // two texts always have a JSON form
		panic(err)
	}
	return string(kept)
}

// hasNote says whether a mail says something that no template knows.
func (t Template) hasNote() bool { return t == Message || t == RightAfterWrong || t == NewPlace }

// note is that of a stored mail, none once it was sent.
func (l *Letters) note(m store.Mail) (n Note, err error) {
	if !Template(m.Template).hasNote() || len(m.Sealed) == 0 {
		return n, nil
	}
	kept, err := l.box.Open(m.Sealed, place(m.ID))
	if err == nil {
		err = json.Unmarshal(kept, &n)
	}
	if err != nil {
		return n, fmt.Errorf("open the note of mail %s: %w", m.ID, err)
	}
	n.Subject = OneLine(n.Subject)
	return n, nil
}

// PlainText is what a page says, with the addresses that its links lead to.
func PlainText(page string) string {
	var out strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(page))
	hidden, links := 0, []string{}
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return strings.TrimSpace(blankLines(out.String()))
		case html.TextToken:
			if hidden == 0 {
				out.Write(tokens.Text())
			}
		case html.StartTagToken:
			token := tokens.Token()
			switch token.Data {
			case "script", "style", "head", "title":
				hidden++
			case "a":
				links = append(links, attribute(token, "href"))
			default:
				out.WriteString(breakOf(token.Data))
			}
		case html.EndTagToken:
			token := tokens.Token()
			switch token.Data {
			case "script", "style", "head", "title":
				hidden = max(0, hidden-1)
			case "a":
				if n := len(links); n > 0 {
					if to := links[n-1]; to != "" && !strings.HasSuffix(out.String(), to) {
						out.WriteString(" " + to)
					}
					links = links[:n-1]
				}
			default:
				out.WriteString(breakOf(token.Data))
			}
		case html.SelfClosingTagToken:
			token := tokens.Token()
			out.WriteString(breakOf(token.Data))
		}
	}
}

func attribute(token html.Token, name string) string {
	for _, a := range token.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// breakOf is what stands for an element that begins a line.
func breakOf(element string) string {
	switch element {
	case "br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol":
		return "\n"
	}
	return ""
}

// blankLines leaves no more than one empty line.
func blankLines(text string) string {
	var kept []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if line != "" || len(kept) > 0 && kept[len(kept)-1] != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
