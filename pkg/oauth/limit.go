package oauth

import (
	"errors"
	"net/http"
	"time"

	"github.com/admitdev/admit/pkg/web"
)

// count refuses a client that asks too often, wherever it asks from. What is counted has shown who it is,
// or a code or token that was given to it: whoever only knows the name of a client cannot use its share up.
// Processes share the counts as web.Counter says.
func (s *Server) count(client Client) error {
	if s.Counter == nil || s.ClientLimit < 0 || client.ID == "" || client.BuiltIn {
		return nil
	}
	return within(s.Counter, "client "+client.Project+"/"+client.ID, s.ClientLimit)
}

// countIn refuses an address that asks for tokens more often than a project lets it, which may be less often than
// the server does.
func (s *Server) countIn(member Membership, address string) error {
	if s.Counter == nil || member.AuthLimit == nil || *member.AuthLimit < 0 {
		return nil
	}
	return within(s.Counter, "auth "+member.Project+" "+web.Network(address), *member.AuthLimit)
}

func within(counter *web.Counter, key string, limit int) error {
	used, reset := counter.Add(key, 1)
	if used <= limit {
		return nil
	}
	return &Error{
		Code: temporarilyUnavailable, Description: "Too many requests", Status: http.StatusTooManyRequests,
		RetryAfter: time.Duration(reset) * time.Second,
	}
}

// tooMany says whether an error is one of within.
func tooMany(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests
}
