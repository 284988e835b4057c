package admin

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/admitdev/admit/pkg/store"
)

// marshal is JSON without escapes for HTML, as it is to be stored.
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// decode reads a stored resource.
func decode(res store.Resource, into any) error {
	if err := json.Unmarshal(res.Content, into); err != nil {
		return fmt.Errorf("%s/%s is damaged: %w", res.Type, res.ID, err)
	}
	return nil
}
