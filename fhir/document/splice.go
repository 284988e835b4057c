package document

// Splice appends the value to dst as Compact does, with the nodes that edits names replaced.
// Everything else keeps its spelling.
func (n *Node) Splice(dst []byte, edits map[*Node][]byte) []byte {
	if n == nil {
		return dst
	}
	if edit, ok := edits[n]; ok {
		return append(dst, edit...)
	}
	switch n.Kind {
	case Array:
		dst = append(dst, '[')
		for i, item := range n.Items {
			dst = item.Splice(separate(dst, i), edits)
		}
		return append(dst, ']')
	case Object:
		dst = append(dst, '{')
		for i := range n.Fields {
			f := &n.Fields[i]
			dst = append(append(separate(dst, i), f.key...), ':')
			dst = f.Value.Splice(dst, edits)
		}
		return append(dst, '}')
	}
	return append(dst, n.Raw...)
}
