package fhirpath

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/admitdev/admit/fhir/document"
)

// The bounds of the regular expressions of one expression. The largest of R4's,
// [A-Z]([A-Za-z0-9_]){0,254}, is of size 765.
const (
	partsPerStep   = 16 // tried on a character in the time of a step
	maxPatterns    = 20
	maxPatternSize = 4000
)

// pattern is a regular expression, compiled with the expression that holds it. Matching a text takes
// time in proportion to both their sizes at worst.
type pattern struct {
	*regexp.Regexp
	size int
}

func (p *parser) pattern(source expr) (*pattern, error) {
	l, ok := source.(literal)
	if !ok {
		return nil, fmt.Errorf("%w: a computed pattern", ErrUnsupported)
	}
	parsed, err := syntax.Parse(l[0].text, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	size := sizeOf(parsed)
	p.patterns++
	if p.patternSize += size; p.patternSize > maxPatternSize || p.patterns > maxPatterns {
		return nil, fmt.Errorf("%w: more than %d regular expressions, or of more than %d parts", ErrTooLarge, maxPatterns, maxPatternSize)
	}
	re, err := regexp.Compile(l[0].text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return &pattern{re, size}, nil
}

// sizeOf is about how large a regular expression is once its repetitions are written out, which
// regexp does; a{1000} is a thousand times a. syntax.Parse allows no more than a thousand in all.
func sizeOf(re *syntax.Regexp) int {
	size := 1 + len(re.Rune)/8 // of a class, in which a character is looked up
	if re.Op == syntax.OpLiteral {
		size = len(re.Rune)
	}
	for _, sub := range re.Sub {
		size += sizeOf(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min+1, re.Max)
	}
	return size
}

// search counts the search of a text.
func (p *pattern) search(env *Env, text string) error {
	return env.spend(1 + (1+len(text))*p.size/partsPerStep)
}

func (p *parser) matches(in, source expr) (expr, error) {
	re, err := p.pattern(source)
	if err != nil {
		return nil, err
	}
	return &call{in, nil, func(s *scope, in Collection, _ []expr) (Collection, error) {
		if len(in) == 0 {
			return nil, nil
		}
		text, err := oneText(in)
		if err != nil {
			return nil, err
		}
		if err := re.search(s.env, text); err != nil {
			return nil, err
		}
		return boolean(re.MatchString(text)), nil
	}}, nil
}

func (p *parser) replaceMatches(in expr, args []expr) (expr, error) {
	re, err := p.pattern(args[0])
	if err != nil {
		return nil, err
	}
	with, ok := args[1].(literal)
	if !ok || with[0].kind != document.String {
		return nil, fmt.Errorf("%w: a computed substitution", ErrUnsupported)
	}
	return &call{in, nil, func(s *scope, in Collection, _ []expr) (Collection, error) {
		if len(in) == 0 {
			return nil, nil
		}
		text, err := oneText(in)
		if err != nil {
			return nil, err
		}
		made, err := re.replace(s.env, text, with[0].text)
		return Collection{computedString(made)}, err
	}}, nil
}

// replace counts what is found before anything is made of it: each may become the substitution, and
// each $ of that as long as the text.
func (p *pattern) replace(env *Env, text, with string) (string, error) {
	if err := env.spendOn(len(text)); err != nil {
		return "", err
	}
	if err := p.search(env, text); err != nil {
		return "", err
	}
	found := len(p.FindAllStringIndex(text, -1))
	if err := env.spendOn(len(text) + found*len(with) + strings.Count(with, "$")*len(text)); err != nil {
		return "", err
	}
	return p.ReplaceAllString(text, with), nil
}
