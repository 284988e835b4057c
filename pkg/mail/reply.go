package mail

import (
	"errors"
	"regexp"

	gomail "github.com/wneessen/go-mail"
)

// Reply is what a mail server said last.
type Reply struct {
	Code       int    // RFC 5321 §4.2; 0 when it said nothing
	StatusCode string // RFC 3463; empty when it said none
	Text       string
}

var enhancedForm = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)

// enhanced is the status code that a text begins with.
func enhanced(text string) string { return enhancedForm.FindString(text) }

// okCompleted is the reply to a mail that was taken (RFC 5321 §4.2.3).
const okCompleted = 250

// accepted is the reply of a server that has taken a mail.
func accepted(text string) Reply {
	return Reply{Code: okCompleted, StatusCode: enhanced(text), Text: OneLine(text)}
}

// refused is the reply that an error came with.
func refused(err error) Reply {
	reply := Reply{Text: OneLine(err.Error())}
	var said *gomail.SendError
	if errors.As(err, &said) {
		reply.Code, reply.StatusCode = said.ErrorCode(), enhanced(said.EnhancedStatusCode())
	}
	return reply
}
