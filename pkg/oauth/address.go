package oauth

import "context"

// Addresses knows from where members may come.
type Addresses interface {
	// LetsIn says whether a membership may be used from an address.
	LetsIn(ctx context.Context, member Membership, address string) (bool, error)
}

// mayComeFrom refuses tokens to an address that the membership's policies keep out (contract §5.7). It is
// asked last: only who would get tokens otherwise learns of it.
func (s *Server) mayComeFrom(ctx context.Context, member Membership, address string) error {
	if err := s.countIn(member, address); err != nil {
		return err
	}
	ok, err := s.letsIn(ctx, member, address)
	if err == nil && !ok {
		err = refuse(invalidRequest, notAllowed)
	}
	return err
}

const notAllowed = "IP address not allowed"

func (s *Server) letsIn(ctx context.Context, member Membership, address string) (bool, error) {
	if s.Addresses == nil {
		return true, nil
	}
	return s.Addresses.LetsIn(ctx, member, address)
}
