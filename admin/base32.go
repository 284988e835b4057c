package admin

import (
	"encoding/base32"
	"fmt"
)

// The secrets of authenticators are written in base32 without padding.
func encodeBase32(raw []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
}

func decodeBase32(s string) ([]byte, error) {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("read one-time password secret: %w", err)
	}
	return raw, nil
}
