package store

// simplify resolves the parts of a predicate that hold always or never, so that what is left can
// be rendered without looking for them.
func simplify(p Predicate) Predicate {
	switch p := p.(type) {
	case nil:
		return And{}
	case And:
		return simplifyAnd(p)
	case Or:
		return simplifyOr(p)
	case Not:
		return simplifyNot(p)
	case IDIn:
		if len(p) == 0 {
			return Or{}
		}
	case Chain:
		p.Of = simplify(p.Of)
		return p
	case Has:
		p.Of = simplify(p.Of)
		return p
	}
	return p
}

func simplifyAnd(p And) Predicate {
	var parts And
	for _, part := range p {
		switch part := simplify(part).(type) {
		case And:
			parts = append(parts, part...)
		case Or:
			if len(part) == 0 {
				return Or{}
			}
			parts = append(parts, part)
		default:
			parts = append(parts, part)
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return parts
}

func simplifyOr(p Or) Predicate {
	var parts Or
	for _, part := range p {
		switch part := simplify(part).(type) {
		case Or:
			parts = append(parts, part...)
		case And:
			if len(part) == 0 {
				return And{}
			}
			parts = append(parts, part)
		default:
			parts = append(parts, part)
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return parts
}

func simplifyNot(p Not) Predicate {
	switch of := simplify(p.Of).(type) {
	case And:
		if len(of) == 0 {
			return Or{}
		}
		return Not{of}
	case Or:
		if len(of) == 0 {
			return And{}
		}
		return Not{of}
	case Not:
		return of.Of
	default:
		return Not{of}
	}
}

// usesIndex says whether an index table decides any part of p.
func usesIndex(p Predicate) bool {
	switch p := p.(type) {
	case And:
		return anyUsesIndex(p)
	case Or:
		return anyUsesIndex(p)
	case Not:
		return usesIndex(p.Of)
	case IDIn, TypeIs, LastUpdated:
		return false
	default:
		return true
	}
}

func anyUsesIndex(parts []Predicate) bool {
	for _, part := range parts {
		if usesIndex(part) {
			return true
		}
	}
	return false
}

// drives says whether p is better answered from its values than row by row in the order asked for.
func drives(p Predicate) bool {
	switch p := p.(type) {
	case And:
		for _, part := range p {
			if drives(part) {
				return true
			}
		}
		return false
	case Or:
		return usesIndex(p)
	case Not, Missing, TypeIs, LastUpdated:
		return false
	default:
		return true
	}
}
