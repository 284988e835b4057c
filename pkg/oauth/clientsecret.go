package oauth

import (
	"context"
	"errors"
	"fmt"

	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// ClientSecrets keeps what ClientApplication.secret and retiringSecret hold on the wire: the
// SHA-256 to verify with, and the value sealed, because an administrator may see it again.
type ClientSecrets struct {
	Store *store.Store
	Box   *secret.Box
}

func clientRef(project, client string) store.Ref {
	return store.Ref{Project: project, Type: typeClient, ID: client}
}

func placeOfSecret(of store.Ref, kind store.CredentialKind) string {
	return of.Project + "/" + of.Type + "/" + of.ID + "/" + string(kind)
}

// SetClientSecret replaces the client's current secret.
func (c ClientSecrets) SetClientSecret(ctx context.Context, tx *store.Tx, project, client, value string) error {
	return c.set(ctx, tx, clientRef(project, client), store.ClientSecret, value)
}

// SetRetiringSecret keeps the client's former secret good for getting tokens; empty ends that.
func (c ClientSecrets) SetRetiringSecret(ctx context.Context, tx *store.Tx, project, client, value string) error {
	of := clientRef(project, client)
	if value == "" {
		return tx.DeleteCredential(ctx, of, store.RetiringSecret)
	}
	return c.set(ctx, tx, of, store.RetiringSecret, value)
}

func (c ClientSecrets) set(ctx context.Context, tx *store.Tx, of store.Ref, kind store.CredentialKind, value string) error {
	return tx.SetCredential(ctx, store.Credential{
		Project: of.Project, Type: of.Type, ID: of.ID, Kind: kind,
		Hash: secret.SHA256(value), Sealed: c.Box.Seal([]byte(value), placeOfSecret(of, kind)),
	})
}

// ClientSecrets gives the secrets back for showing to an administrator; empty when there are none.
// It reads in tx when that is not nil.
func (c ClientSecrets) ClientSecrets(ctx context.Context, tx *store.Tx, project, client string) (current, retiring string, err error) {
	of := clientRef(project, client)
	read := c.Store.Credentials
	if tx != nil {
		read = tx.Credentials
	}
	kept, err := read(ctx, of)
	if err != nil {
		return "", "", err
	}
	for _, credential := range kept {
		plain, err := c.Box.Open(credential.Sealed, placeOfSecret(of, credential.Kind))
		if err != nil {
			return "", "", fmt.Errorf("open secret of client %s: %w", client, err)
		}
		switch credential.Kind {
		case store.ClientSecret:
			current = string(plain)
		case store.RetiringSecret:
			retiring = string(plain)
		}
	}
	return current, retiring, nil
}

// maxProjectSecrets is how many clients of a project are looked at for one that is known by its secret
// alone.
const maxProjectSecrets = 1000

// SecretsOf gives the current secrets of the clients of a project, by the ids of the clients.
func (c ClientSecrets) SecretsOf(ctx context.Context, project string) (map[string]string, error) {
	kept, err := c.Store.CredentialsOf(ctx, project, typeClient, store.ClientSecret, maxProjectSecrets)
	if err != nil {
		return nil, err
	}
	secrets := map[string]string{}
	for _, credential := range kept {
		plain, err := c.Box.Open(credential.Sealed, placeOfSecret(clientRef(project, credential.ID), credential.Kind))
		if err != nil {
			return nil, fmt.Errorf("open secret of client %s: %w", credential.ID, err)
		}
		secrets[credential.ID] = string(plain)
	}
	return secrets, nil
}

// SetProviderSecret replaces what a client or a domain shows to its identity provider; empty forgets it.
func (c ClientSecrets) SetProviderSecret(ctx context.Context, tx *store.Tx, of store.Ref, value string) error {
	return c.seal(ctx, tx, of, store.ProviderSecret, []byte(value))
}

// ProviderSecret gives it back; empty when there is none. It reads in tx when that is not nil.
func (c ClientSecrets) ProviderSecret(ctx context.Context, tx *store.Tx, of store.Ref) (string, error) {
	plain, err := c.open(ctx, tx, of, store.ProviderSecret)
	return string(plain), err
}

// SetSealed keeps the content of a resource that holds secrets; nil forgets it.
func (c ClientSecrets) SetSealed(ctx context.Context, tx *store.Tx, of store.Ref, content []byte) error {
	return c.seal(ctx, tx, of, store.SealedContent, content)
}

// Sealed gives it back; nil when there is none. It reads in tx when that is not nil.
func (c ClientSecrets) Sealed(ctx context.Context, tx *store.Tx, of store.Ref) ([]byte, error) {
	return c.open(ctx, tx, of, store.SealedContent)
}

// Forget forgets all that is kept of a client, a domain or a project.
func (c ClientSecrets) Forget(ctx context.Context, tx *store.Tx, of store.Ref) error {
	return tx.DeleteCredentials(ctx, of)
}

func (c ClientSecrets) seal(ctx context.Context, tx *store.Tx, of store.Ref, kind store.CredentialKind, value []byte) error {
	if len(value) == 0 {
		return tx.DeleteCredential(ctx, of, kind)
	}
	return tx.SetCredential(ctx, store.Credential{
		Project: of.Project, Type: of.Type, ID: of.ID, Kind: kind, Sealed: c.Box.Seal(value, placeOfSecret(of, kind)),
	})
}

func (c ClientSecrets) open(ctx context.Context, tx *store.Tx, of store.Ref, kind store.CredentialKind) ([]byte, error) {
	read := c.Store.Credential
	if tx != nil {
		read = tx.Credential
	}
	kept, err := read(ctx, of, kind)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	plain, err := c.Box.Open(kept.Sealed, placeOfSecret(of, kind))
	if err != nil {
		return nil, fmt.Errorf("open the %s of %s/%s: %w", kind, of.Type, of.ID, err)
	}
	return plain, nil
}
