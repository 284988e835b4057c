package validate

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// forbidden are elements that a narrative may not have (R4 narrative.html, txt-1): what runs,
// what is fetched to be run or shown in the page's place, and what collects input.
var forbidden = map[string]bool{
	"script": true, "style": true, "form": true, "input": true, "button": true, "select": true, "textarea": true,
	"iframe": true, "frame": true, "frameset": true, "object": true, "embed": true, "applet": true,
	"base": true, "link": true, "meta": true, "head": true, "body": true, "html": true, "svg": true, "math": true,
}

// isNarrative says whether s is one well-formed <div> that shows something and holds nothing
// active (txt-1, txt-2).
func isNarrative(s string) bool {
	dec := xml.NewDecoder(strings.NewReader(s))
	dec.Entity = xml.HTMLEntity
	depth, divs, shows := 0, 0, false
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return divs == 1 && shows
		}
		if err != nil {
			return false
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 && t.Name.Local != "div" || !isPassive(t) {
				return false
			}
			if depth == 0 {
				divs++
			}
			depth++
			shows = shows || t.Name.Local == "img"
		case xml.EndElement:
			depth--
		case xml.CharData:
			text := len(strings.TrimSpace(string(t))) > 0
			if text && depth == 0 {
				return false
			}
			shows = shows || text
		case xml.Directive, xml.ProcInst:
			return false
		}
	}
}

func isPassive(e xml.StartElement) bool {
	if forbidden[strings.ToLower(e.Name.Local)] {
		return false
	}
	for _, a := range e.Attr {
		name, value := strings.ToLower(a.Name.Local), strings.ToLower(strings.TrimSpace(a.Value))
		if strings.HasPrefix(name, "on") || strings.HasPrefix(value, "javascript:") || strings.HasPrefix(value, "vbscript:") {
			return false
		}
	}
	return true
}
