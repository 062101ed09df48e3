package node

import "testing"

// FuzzParsePeer: whatever is accepted is written the same way again.
func FuzzParsePeer(f *testing.F) {
	f.Add("NodeID-7Xhw2mDxuDS44j42TCB6U5579esbSt3Lg@203.0.113.7:9651")
	f.Add("NodeID-7Xhw2mDxuDS44j42TCB6U5579esbSt3Lg@[2001:db8::1]:1")
	f.Add("NodeID-@:0")
	f.Add("@@@")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePeer(text)
		if err != nil {
			return
		}
		again, err := parsePeer(p.ID.String() + "@" + p.Addr.String())
		if err != nil || again != p {
			t.Errorf("parsePeer(%q) = %v, which reads back as %v, %v", text, p, again, err)
		}
	})
}
