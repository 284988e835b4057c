package authing

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/admitdev/admit/admin"
)

// customData is a user's custom data as a list, in the order of its names.
func customData(u admin.User) []object {
	list := make([]object, 0, len(u.CustomData))
	for name, raw := range u.CustomData {
		kind, value := typed(raw)
		list = append(list, object{"key": name, "dataType": kind, "value": value, "label": name})
	}
	slices.SortFunc(list, func(a, b object) int { return strings.Compare(a["key"].(string), b["key"].(string)) })
	return list
}

// typed is a value in the types of custom data: a string is itself, anything else its JSON.
func typed(raw json.RawMessage) (kind, value string) {
	var decoded any
	if json.Unmarshal(raw, &decoded) != nil {
		return "STRING", string(raw)
	}
	switch decoded := decoded.(type) {
	case string:
		return "STRING", decoded
	case bool:
		return "BOOLEAN", string(raw)
	case float64:
		return "NUMBER", string(raw)
	}
	return "OBJECT", string(raw)
}

// untyped is a value as it is kept. Clients write it in JSON, but for those that mean a string.
func untyped(value string) json.RawMessage {
	if json.Valid([]byte(value)) && value != "null" {
		return json.RawMessage(value)
	}
	return marshal(value)
}

func udv(ctx context.Context, f *field) (any, error) {
	id, err := target(f.args)
	if err != nil {
		return nil, err
	}
	u, err := f.client.ReadUser(ctx, f.client.who, f.client.pool(), id)
	return customData(u), of(err, errNoUser)
}

// target is the user whose custom data is meant: nothing else has any.
func target(args arguments) (string, error) {
	if args.text("targetType") != "USER" {
		return "", unsupported("targetType " + args.text("targetType"))
	}
	return args.text("targetId"), nil
}

func setCustom(ctx context.Context, f *field, values map[string]json.RawMessage) (any, error) {
	id, err := target(f.args)
	if err != nil {
		return nil, err
	}
	u, err := f.client.UpdateUser(ctx, f.client.who, f.client.pool(), id, "", admin.UserFields{CustomData: values})
	return customData(u), of(err, errNoUser)
}

// setUdf is answered and changes nothing: a user has custom data of any name.
func setUdf(_ context.Context, f *field) (any, error) {
	if f.args.text("targetType") != "USER" {
		return nil, unsupported("targetType " + f.args.text("targetType"))
	}
	return object{
		"targetType": f.args.text("targetType"), "dataType": f.args.text("dataType"), "key": f.args.text("key"),
		"label": f.args.text("label"), "options": orNull(f.args.text("options")),
	}, nil
}

func setUdv(ctx context.Context, f *field) (any, error) {
	return setCustom(ctx, f, map[string]json.RawMessage{f.args.text("key"): untyped(f.args.text("value"))})
}

func setUdvBatch(ctx context.Context, f *field) (any, error) {
	values := map[string]json.RawMessage{}
	for _, item := range f.args.objects("udvList") {
		values[item.text("key")] = untyped(item.text("value"))
	}
	return setCustom(ctx, f, values)
}

func removeUdv(ctx context.Context, f *field) (any, error) {
	return setCustom(ctx, f, map[string]json.RawMessage{f.args.text("key"): json.RawMessage("null")})
}
