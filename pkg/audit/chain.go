package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/admitdev/admit/pkg/store"
)

// Signer makes a digest that nobody makes without the server's key; *secret.Box implements it.
type Signer interface {
	Fingerprint(data []byte) string
}

// link is the next link of a chain, for a record with these bytes.
func link(before store.AuditHead, project, id, content string) store.AuditLink {
	seq := before.Seq + 1
	return store.AuditLink{Seq: seq, ID: id, Hash: digest(before.Hash, project, seq, id, content)}
}

// digest is the hash of a link. Each part but the last is free of spaces.
func digest(before, project string, seq int64, id, content string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{"admit-audit-1", before, project, strconv.FormatInt(seq, 10), id, content}, " ")))
	return hex.EncodeToString(sum[:])
}

// signature signs where a chain ends.
func signature(key Signer, project string, h store.AuditHead) string {
	return key.Fingerprint([]byte(strings.Join([]string{"admit-audit-head-1", project, strconv.FormatInt(h.Seq, 10), h.Hash}, " ")))
}
