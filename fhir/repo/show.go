package repo

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/store"
)

// show makes of a stored version what the caller is to see; of a Binary in the context of something
// that the caller may not read, nothing (see inContext). Else it is without hidden fields, with the
// extended members of meta when asked for, and with its secrets for its administrators.
// The stored bytes pass through untouched when nothing of that applies.
func (a *access) show(ctx context.Context, interaction policy.Interaction, res store.Resource) (store.Resource, error) {
	if interaction != policy.Create && interaction != policy.Update {
		if err := a.inContext(ctx, res); err != nil {
			return store.Resource{}, err
		}
	}
	now, err := a.hiddenOf(ctx, interaction, res.Ref)
	if err != nil {
		return store.Resource{}, err
	}
	return a.shown(ctx, interaction, res, now)
}

// shown is show of what is known to be in its context, without what is hidden now.
func (a *access) shown(ctx context.Context, interaction policy.Interaction, res store.Resource, now []string) (store.Resource, error) {
	var hidden []string
	var err error
	if a.system == "" && a.unseen(res.Ref) == nil {
		if res, err = a.unsealed(ctx, interaction, res); err != nil {
			return store.Resource{}, err
		}
	}
	if a.hasFields(res.Type) {
		if res, hidden, err = a.mask(interaction, res, now); err != nil {
			return store.Resource{}, err
		}
	}
	if a.who.Extended {
		res.Content = extend(res.Content, res.Meta)
	}
	if !hasProvider(res.Type) || !a.seesSecrets(res.Project, res.Type) {
		return res, nil
	}
	if !slices.Contains(hidden, "identityProvider.clientSecret") {
		if res, err = a.withProviderSecret(ctx, res); err != nil {
			return store.Resource{}, err
		}
	}
	if res.Type == medplum.TypeClientApplication && !slices.Contains(hidden, "secret") {
		return a.withSecrets(ctx, res)
	}
	return res, nil
}

// administers says whether a caller acts who may administer the project. A link to it lets read,
// and no more.
func (a *access) administers(project string) bool {
	return a.system == "" && (a.who.SuperAdmin || a.who.Admin && a.who.Project == project)
}

// seesSecrets says whether the caller administers the project, with a token that lets replace the secrets
// of the type as well: one that was given to read must not become a client that may do more.
func (a *access) seesSecrets(project, resourceType string) bool {
	return a.administers(project) && a.who.Policy != nil && a.who.Policy.ScopesGrant(policy.Update, resourceType)
}

// mask removes the fields that the rule hides which lets the caller see this resource, and those that
// are hidden now. A compartment may repeat what a hidden field says, so it goes with the first of them.
func (a *access) mask(interaction policy.Interaction, res store.Resource, now []string) (_ store.Resource, hidden []string, err error) {
	doc, ix, err := indexed(res)
	if err != nil {
		return store.Resource{}, nil, err
	}
	hidden = slices.Concat(a.hidden(interaction, res, ix), now)
	if len(hidden) == 0 {
		return res, nil, nil
	}
	if res.Content = without(doc, pathsOf(hidden)); res.Content == nil {
		res.Content = []byte("{}")
	}
	var shown extendedMeta
	if err := json.Unmarshal(braces(res.Meta), &shown); err != nil {
		return store.Resource{}, nil, err
	}
	shown.Compartment, shown.Account = nil, nil
	if hides(hidden, "meta.author") {
		shown.Author = medplum.Reference{}
	}
	if hides(hidden, "meta.project") {
		shown.Project = ""
	}
	res.Meta = shown.members()
	return res, hidden, nil
}

// hides says whether an element is hidden, or one that holds it.
func hides(hidden []string, element string) bool {
	return slices.ContainsFunc(hidden, func(field string) bool { return field == element || strings.HasPrefix(element, field+".") })
}

// hidden are the fields hidden from the caller. Whoever may write a resource but not read it sees
// in the answer what the rule for its write leaves.
func (a *access) hidden(interaction policy.Interaction, res store.Resource, ix store.Index) []string {
	for _, as := range []policy.Interaction{policy.Read, interaction} {
		if rule, ok := a.who.Policy.Unscoped(as, res.Ref, res.LastUpdated, ix); ok {
			return slices.Concat(rule.Hidden, a.unseen(res.Ref))
		}
	}
	return a.unseen(res.Ref)
}

// hiddenOf is hiddenNow of one version.
//
// Errors: outcome NotFound for one that has been expunged meanwhile.
func (a *access) hiddenOf(ctx context.Context, interaction policy.Interaction, ref store.Ref) ([]string, error) {
	if interaction != policy.VRead && interaction != policy.History {
		return nil, nil
	}
	now, err := a.hiddenNow(ctx, interaction, ref.Project, []store.Ref{ref})
	if err != nil {
		return nil, err
	}
	hidden, there := now[ref]
	if !there {
		return nil, absent(store.ErrNotFound)
	}
	return hidden, nil
}

// hiddenNow are the fields that the caller does not see of resources of a partition as they are now; of
// deleted ones, as they were last. They are hidden in old versions too: a value that did not change
// since, or that a change of the resource was to hide, would be told by its past. What has been
// expunged meanwhile is not among them. Where every rule hides the same nobody is asked.
func (a *access) hiddenNow(ctx context.Context, interaction policy.Interaction, project string, refs []store.Ref) (map[store.Ref][]string, error) {
	now := map[store.Ref][]string{}
	var varying []store.Ref
	for _, ref := range refs {
		switch {
		case a.system != "" || a.who.Policy == nil || !a.who.Policy.HiddenVaries(ref.Type):
			now[ref] = nil
		default:
			varying = append(varying, ref)
		}
	}
	err := a.rows.EachLastLive(ctx, project, varying, func(res store.Resource) error {
		_, ix, err := indexed(res)
		now[res.Ref] = a.hidden(interaction, res, ix)
		return err
	})
	return now, err
}

var metaStart = []byte(`"meta":{`)

// extend splices members into the beginning of meta. A resource whose meta is hidden stays as it is.
func extend(content, members []byte) []byte {
	at := bytes.Index(content, metaStart)
	if at < 0 || at > maxMetaStart || len(members) == 0 {
		return content
	}
	at += len(metaStart)
	out := make([]byte, 0, len(content)+len(members)+1)
	out = append(append(append(out, content[:at]...), members...), ',')
	return append(out, content[at:]...)
}

// maxMetaStart is where the meta of a stored resource begins at the latest:
// {"resourceType":"…","id":"…", come before it.
const maxMetaStart = 200

// withSecrets appends a client's secrets.
func (a *access) withSecrets(ctx context.Context, res store.Resource) (store.Resource, error) {
	secret, retiring, err := a.repo.Secrets.ClientSecrets(ctx, a.tx, res.Project, res.ID)
	if err != nil {
		return store.Resource{}, err
	}
	for _, m := range []struct{ name, value string }{{"secret", secret}, {"retiringSecret", retiring}} {
		if m.value == "" {
			continue
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return store.Resource{}, err
		}
		out := append([]byte(nil), res.Content[:len(res.Content)-1]...)
		out = append(out, `,"`+m.name+`":`...)
		res.Content = append(append(out, value...), '}')
	}
	return res, nil
}

func braces(members []byte) []byte {
	return append(append([]byte{'{'}, members...), '}')
}
