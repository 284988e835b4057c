package mail_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/mail"
)

func TestALetterOfAnotherAlphabetStaysWhatItIs(t *testing.T) {
	for address, canonical := range map[string]string{
		"Ann@Example.com": "ann@example.com", "ÄNN@Exämple.com": "änn@exämple.com",
		"admİn@example.com": "admİn@example.com", "mi\u212Ae@example.com": "mi\u212Ae@example.com", // the Kelvin sign
	} {
		require.Equal(t, canonical, mail.Canonical(address))
	}
}
