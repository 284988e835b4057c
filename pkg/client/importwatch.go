package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
)

// maxEvent bounds what is read of one line of the progress.
const maxEvent = 1 << 20

// Watch says how far an import is, first now and then whenever that changes, until the server does not work on
// it any more. An error ends it.
func (i Imports) Watch(ctx context.Context, id string) iter.Seq2[Import, error] {
	return func(yield func(Import, error) bool) {
		for {
			last, goOn, err := i.watchOnce(ctx, id, yield)
			if err != nil {
				yield(Import{}, err)
				return
			}
			if !goOn || !last.Running() {
				return
			}
		}
	}
}

// watchOnce reads one answer, which the server ends after some minutes though there be more to say.
func (i Imports) watchOnce(ctx context.Context, id string, yield func(Import, error) bool) (last Import, goOn bool, err error) {
	request, err := i.client.request(ctx, call{method: http.MethodGet, path: []string{"invitations", "import", id, "events"}})
	if err != nil {
		return last, false, err
	}
	patient := *i.client.http
	patient.Timeout = 0 // the context bounds how long somebody watches
	response, err := patient.Do(request)
	if err != nil {
		return last, false, fmt.Errorf("admit: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		if err != nil {
			return last, false, fmt.Errorf("admit: read the answer: %w", err)
		}
		return last, false, refusal(response.StatusCode, content)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		data, is := strings.CutPrefix(lines.Text(), "data: ")
		if !is {
			continue
		}
		last = Import{}
		if err := json.Unmarshal([]byte(data), &last); err != nil {
			return last, false, fmt.Errorf("admit: read the progress: %w", err)
		}
		if !yield(last, nil) {
			return last, false, nil
		}
	}
	if err := lines.Err(); err != nil {
		return last, false, fmt.Errorf("admit: read the progress: %w", err)
	}
	return last, true, nil
}
