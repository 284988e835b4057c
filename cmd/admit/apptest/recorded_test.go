package apptest_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

const recordings = "../../../testdata/recorded/medplum"

// exchange is one recorded request with its answer, or a mail the recorded server sent in between.
type exchange struct {
	Name    string
	Request *struct {
		Method, Path string
		Headers      map[string]string
		Body         json.RawMessage
	}
	Response *struct {
		Status  int
		Headers map[string]string
		Body    json.RawMessage
	}
	Mail *struct{ From, To, Raw string }
}

type recording struct {
	File      string
	Exchanges []exchange
}

// readRecordings reads all files in the order in which they were recorded; each builds on what the
// ones before it made.
func readRecordings(t *testing.T) []recording {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(recordings, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings in %s: %v", recordings, err)
	}
	var all []recording
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := recording{File: filepath.Base(file)}
		if err := json.Unmarshal(data, &r.Exchanges); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, r)
	}
	return all
}

// decode keeps numbers as they are spelled. Text that is not JSON is returned as a string.
func decode(data []byte) any {
	if len(data) == 0 {
		return ""
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return string(data)
	}
	return v
}

// TestRecordedExchanges plays what clients of Medplum really sent against Admit. Each answer has
// the recorded status, shape, texts and headers, but where a table says otherwise and why; an entry
// of the tables that explains nothing any more fails too.
func TestRecordedExchanges(t *testing.T) {
	eachServer(t, func(t *testing.T, w *world) {
		r := newReplay(t, w.base, func(to string) (string, string) {
			m := w.mail.WaitFor(t, to)
			return m.Subject, m.Text
		})
		for _, recording := range readRecordings(t) {
			for _, e := range recording.Exchanges {
				r.play(recording.File, e)
			}
		}
		used := map[difference]bool{}
		for _, m := range r.mismatches {
			d, ok := explain(m)
			if !ok {
				t.Error(m)
			}
			used[d] = true
		}
		for _, d := range deliberate {
			if !used[d] {
				t.Errorf("no such difference any more: %s · %s · %s (%s)", d.file, d.exchange, d.path, d.reason)
			}
		}
	})
}
