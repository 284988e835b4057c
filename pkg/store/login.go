package store

import (
	"context"
	"fmt"
)

// Login is a session: somebody has shown who they are, and may choose a membership, get a code
// and tokens until it is revoked or runs out.
type Login struct {
	ID          string `gorm:"primaryKey"`
	UserProject string // where the User, ClientApplication or Bot lives
	UserType    string
	UserID      string
	Client      string `gorm:"column:client_id"`

	WantedProject     string // the projectId that was asked for: an id, "new" or empty
	ProfileType       string // the profile type that was asked for
	MembershipProject string // both empty until a membership is chosen
	Membership        string `gorm:"column:membership_id"`

	AuthMethod string
	AuthTime   Stamp
	// ProvenAt is when the user last showed a password or a factor in this session.
	ProvenAt Stamp
	Scope    string
	Nonce    string

	CodeChallenge       string
	CodeChallengeMethod string

	// RedirectURI is that of the authorization request, empty when there was none.
	RedirectURI string `gorm:"column:redirect_uri"`
	// Browser is the SHA-256 of the cookie of the browser that the session belongs to, empty when it
	// belongs to none.
	Browser string `gorm:"column:browser_hash"`
	// LaunchPatient and LaunchEncounter are the ids of what the client was launched about, LaunchContext
	// references to what else matters, separated by spaces.
	LaunchPatient   string
	LaunchEncounter string
	LaunchContext   string

	Recognition

	// KeyThumbprint is that of the key to which the tokens are bound (RFC 9449), empty for none.
	KeyThumbprint string

	Offline     bool // gives refresh tokens
	MFAVerified bool `gorm:"column:mfa_verified"`
	Granted     bool // a code was exchanged for tokens
	Revoked     bool

	RemoteAddress string
	UserAgent     string
	UpdatedAt     Stamp `gorm:"autoUpdateTime:false"`
	ExpiresAt     Stamp
}

// Recognition is what an identity provider has said of how it recognised the user of a login.
type Recognition struct {
	ACR          string `gorm:"column:acr"`
	AMR          string `gorm:"column:amr"` // separated by spaces
	RecognisedAt Stamp  // zero where it did not say
	// WholeAccount says that the provider's word is about the account, and not for one project alone.
	WholeAccount bool
}

// TableName implements gorm's Tabler.
func (Login) TableName() string { return "login" }

// User is whose login it is.
func (l Login) User() Ref { return Ref{l.UserProject, l.UserType, l.UserID} }

// Recognised is when the user last showed who they are to whoever recognised them.
func (l Login) Recognised() Stamp {
	if l.RecognisedAt.IsZero() {
		return l.AuthTime
	}
	return l.RecognisedAt
}

// AddLogin stores a new login.
func (tx *Tx) AddLogin(ctx context.Context, l Login) error {
	l.UpdatedAt = At(tx.Now())
	return tx.add(ctx, "add login", &l)
}

// AddLogin is Tx.AddLogin in a transaction of its own.
func (s *Store) AddLogin(ctx context.Context, l Login) error {
	return s.InTx(ctx, func(tx *Tx) error { return tx.AddLogin(ctx, l) })
}

// Login reads a login, revoked or not; ErrNotFound when there is none or it has run out.
func (r reader) Login(ctx context.Context, id string) (Login, error) {
	var l Login
	err := r.gorm(ctx).Where("id = ? AND expires_at > ?", id, At(r.clock.Now())).Take(&l).Error
	return l, notFound(err, "read login")
}

// Sessions lists the live sessions of a user that may do something, newest first.
func (r reader) Sessions(ctx context.Context, user Ref, limit int) ([]Login, error) {
	var all []Login
	err := r.gorm(ctx).
		Where("user_type = ? AND user_id = ? AND user_project = ?", user.Type, user.ID, user.Project).
		Where("granted AND NOT revoked AND expires_at > ?", At(r.clock.Now())).
		Order("auth_time DESC, id DESC").Limit(limit).Find(&all).Error
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return all, nil
}

// Logins lists the logins of a user that have a membership and are live, newest first.
func (r reader) Logins(ctx context.Context, user Ref, limit int) ([]Login, error) {
	var all []Login
	err := r.gorm(ctx).
		Where("user_type = ? AND user_id = ? AND user_project = ?", user.Type, user.ID, user.Project).
		Where("NOT revoked AND membership_id <> '' AND expires_at > ?", At(r.clock.Now())).
		Order("auth_time DESC, id DESC").Limit(limit).Find(&all).Error
	if err != nil {
		return nil, fmt.Errorf("list logins: %w", err)
	}
	return all, nil
}

// Place is from where somebody has signed in.
type Place struct{ Address, Agent string }

const before = `SELECT f.n, l.remote_address, l.user_agent FROM (SELECT CAST(coalesce(sum(count), 0) AS bigint) AS n FROM rate_limit WHERE name = $1) f
LEFT JOIN (SELECT DISTINCT remote_address, user_agent FROM (SELECT remote_address, user_agent FROM login
WHERE user_type = $2 AND user_id = $3 AND user_project = $4 AND auth_method IN ('password', 'passkey', 'external')
ORDER BY auth_time DESC LIMIT $5) newest) l ON true`

// Before is what was before a sign-in of a person: what is counted under name, and the places from which they have
// signed in, each once, by the newest logins that are still kept, up to limit of these.
func (s *Store) Before(ctx context.Context, name string, user Ref, limit int) (count int, places []Place, err error) {
	args := []any{name, user.Type, user.ID, user.Project, limit}
	err = each(ctx, s.q, s.dialect.text(before), args, func(row scanner) error {
		var address, agent *string
		err := row.Scan(&count, &address, &agent)
		if address != nil && agent != nil {
			places = append(places, Place{*address, *agent})
		}
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("read what was before a sign-in: %w", err)
	}
	return count, places, nil
}

// LoginsOfBrowser lists the sessions of a browser that are live and have given tokens, newest first.
func (r reader) LoginsOfBrowser(ctx context.Context, browser string, limit int) ([]Login, error) {
	var all []Login
	if browser == "" {
		return nil, nil
	}
	err := r.gorm(ctx).Where("browser_hash = ? AND browser_hash <> ''", browser).
		Where("granted AND NOT revoked AND expires_at > ?", At(r.clock.Now())).
		Order("auth_time DESC, id DESC").Limit(limit).Find(&all).Error
	if err != nil {
		return nil, fmt.Errorf("list logins of a browser: %w", err)
	}
	return all, nil
}

// AccountLogin is the live session of a browser on the page of one's own account, or ErrNotFound.
func (r reader) AccountLogin(ctx context.Context, browser string) (Login, error) {
	var l Login
	err := r.gorm(ctx).Where("browser_hash = ? AND browser_hash <> '' AND membership_id = ''", browser).
		Where("granted AND NOT revoked AND expires_at > ?", At(r.clock.Now())).Take(&l).Error
	return l, notFound(err, "read login of an account")
}

// ForgetBrowser lets no login belong to a browser any longer.
func (tx *Tx) ForgetBrowser(ctx context.Context, browser string) error {
	if browser == "" {
		return nil
	}
	err := tx.gorm(ctx).Model(&Login{}).Where("browser_hash = ? AND browser_hash <> ''", browser).UpdateColumn("browser_hash", "").Error
	if err != nil {
		return fmt.Errorf("forget a browser: %w", err)
	}
	return nil
}

// ChooseMembership sets the login's membership; false when it has one, was granted or is revoked.
func (tx *Tx) ChooseMembership(ctx context.Context, id, project, membership string) (bool, error) {
	return tx.changeLogin(ctx, "choose membership", id, "membership_id = '' AND NOT granted AND NOT revoked",
		map[string]any{"membership_project": project, "membership_id": membership})
}

// SetLoginScope replaces the login's scope until it is granted.
func (tx *Tx) SetLoginScope(ctx context.Context, id, scope string) (bool, error) {
	return tx.changeLogin(ctx, "set scope", id, "NOT granted AND NOT revoked", map[string]any{"scope": scope})
}

// SetLaunch sets what the client is launched about, its patient or its encounter, until the login is
// granted. Another patient has other encounters.
func (tx *Tx) SetLaunch(ctx context.Context, id string, encounter bool, about string) (bool, error) {
	set := map[string]any{"launch_patient": about, "launch_encounter": ""}
	if encounter {
		set = map[string]any{"launch_encounter": about}
	}
	return tx.changeLogin(ctx, "set launch", id, "NOT granted AND NOT revoked", set)
}

// VerifyLoginMFA records the second factor; false when it was there already.
func (tx *Tx) VerifyLoginMFA(ctx context.Context, id string) (bool, error) {
	return tx.changeLogin(ctx, "verify second factor", id, "NOT mfa_verified AND NOT granted AND NOT revoked",
		map[string]any{"mfa_verified": true})
}

// ProveLogin records that the user has just shown a password or a factor; false when it is revoked.
func (tx *Tx) ProveLogin(ctx context.Context, id string) (bool, error) {
	return tx.changeLogin(ctx, "prove login", id, "NOT revoked", map[string]any{"proven_at": At(tx.Now())})
}

// OpenAccount makes the login, which has no membership, one of the user's own account; false when it
// has one, was granted or is revoked. It never gives tokens.
func (tx *Tx) OpenAccount(ctx context.Context, id string) (bool, error) {
	return tx.changeLogin(ctx, "open account", id, "membership_id = '' AND NOT granted AND NOT revoked",
		map[string]any{"granted": true})
}

// GrantLogin marks that tokens were given for the login, bound to a key or to none, which now lasts until expires. The
// transaction fails with ErrChanged, at the latest when it ends, if they were before, or if it is revoked.
func (tx *Tx) GrantLogin(ctx context.Context, id, key string, expires Stamp) error {
	return tx.prolong(ctx, "granted = true, ", id, key, expires, "NOT granted AND NOT revoked")
}

// ExtendLogin lets a live login, whose tokens are bound to a key or to none from now on, last until expires. The
// transaction fails with ErrChanged, at the latest when it ends, if it is revoked.
func (tx *Tx) ExtendLogin(ctx context.Context, id, key string, expires Stamp) error {
	return tx.prolong(ctx, "", id, key, expires, "NOT revoked")
}

func (tx *Tx) prolong(ctx context.Context, set, id, key string, expires Stamp, condition string) error {
	return tx.later(ctx, later{doing: "prolong login", table: Login{}.TableName(), must: changed, text: func(b *builder) string {
		return "UPDATE login SET " + set + "key_thumbprint = " + b.arg(key) + ", expires_at = " + b.arg(expires) +
			", updated_at = " + b.arg(At(tx.Now())) + " WHERE id = " + b.arg(id) + " AND " + condition
	}})
}

// RevokeLogin ends a login everywhere; false when it had ended.
func (tx *Tx) RevokeLogin(ctx context.Context, id string) (bool, error) {
	ended, err := tx.changeLogin(ctx, "revoke login", id, "NOT revoked", map[string]any{"revoked": true})
	if err != nil || !ended {
		return false, err
	}
	return true, tx.Announce(ctx, ChangeLogin, id)
}

// HasLogin says whether a user has ever signed in, of the logins that are still kept.
func (tx *Tx) HasLogin(ctx context.Context, user Ref) (bool, error) {
	var ids []string
	err := tx.gorm(ctx).Model(&Login{}).
		Where("user_type = ? AND user_id = ? AND user_project = ?", user.Type, user.ID, user.Project).Limit(1).Pluck("id", &ids).Error
	if err != nil {
		return false, fmt.Errorf("look for a login: %w", err)
	}
	return len(ids) > 0, nil
}

// RevokeLogins ends every login of a user everywhere.
func (tx *Tx) RevokeLogins(ctx context.Context, user Ref) error {
	var ids []string
	err := tx.gorm(ctx).Model(&Login{}).
		Where("user_type = ? AND user_id = ? AND user_project = ? AND NOT revoked", user.Type, user.ID, user.Project).
		Where("expires_at > ?", At(tx.Now())).Order("id").Pluck("id", &ids).Error
	if err != nil {
		return fmt.Errorf("list logins to revoke: %w", err)
	}
	for _, id := range ids {
		if _, err := tx.RevokeLogin(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// PurgeLogins removes the logins that had ended at a time, revoked or run out, and tells how many.
func (tx *Tx) PurgeLogins(ctx context.Context, before Stamp) (int64, error) {
	ended := tx.gorm(ctx).Where("(revoked AND updated_at < ?) OR (expires_at < ? AND expires_at <= ?)", before, before, At(tx.Now())).Delete(&Login{})
	if ended.Error != nil {
		return 0, fmt.Errorf("purge logins: %w", ended.Error)
	}
	return ended.RowsAffected, nil
}

// changeLogin is a compare-and-set: it changes the login only while condition holds.
func (tx *Tx) changeLogin(ctx context.Context, doing, id, condition string, set map[string]any) (bool, error) {
	set["updated_at"] = At(tx.Now())
	result := tx.gorm(ctx).Model(&Login{}).Where("id = ?", id).Where(condition).UpdateColumns(set)
	if result.Error != nil {
		return false, fmt.Errorf("%s: %w", doing, result.Error)
	}
	return result.RowsAffected == 1, nil
}
