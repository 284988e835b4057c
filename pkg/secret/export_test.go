package secret

// HoldSlotForTest takes a slot as a hash under way does, until it is released.
func HoldSlotForTest(h *Hasher) (release func()) {
	h.slots <- struct{}{}
	return func() { <-h.slots }
}
