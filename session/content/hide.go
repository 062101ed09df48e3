package content

import "fmt"

// What people write and the keys of files never reach a log or an error: the
// types that hold them print as what they are, and how large.

// String describes the post without its content.
func (p Post) String() string {
	return fmt.Sprintf("content.Post(%d bytes and %d files hidden)", len(p.Text), len(p.Files))
}

// Format hides the content from every verb of package fmt.
func (p Post) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(p.String())) }

// String describes the file without its key and name.
func (f File) String() string { return fmt.Sprintf("content.File(%x, hidden)", f.Root[:4]) }

// Format hides the key and the name from every verb of package fmt.
func (f File) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(f.String())) }

// String describes the reaction without its sign.
func (Reaction) String() string { return "content.Reaction(hidden)" }

// Format hides the sign from every verb of package fmt.
func (r Reaction) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(r.String())) }

// String describes the edit without its text.
func (e Edit) String() string { return fmt.Sprintf("content.Edit(%d bytes hidden)", len(e.Text)) }

// Format hides the text from every verb of package fmt.
func (e Edit) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(e.String())) }

// String describes the group's bytes without showing them.
func (g Group) String() string { return fmt.Sprintf("content.Group(%d bytes hidden)", len(g.Data)) }

// Format hides the bytes from every verb of package fmt.
func (g Group) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(g.String())) }

// String describes the item without its content.
func (i Item) String() string {
	return fmt.Sprintf("content.Item(%s, %d bytes and %d files hidden)", i.Ref.ID, len(i.Text), len(i.Files))
}

// Format hides the content from every verb of package fmt.
func (i Item) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(i.String())) }

// String describes the quotation without its text.
func (q Quote) String() string { return fmt.Sprintf("content.Quote(%s, hidden)", q.Ref.ID) }

// Format hides the text from every verb of package fmt.
func (q Quote) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(q.String())) }

// String describes the sign's author, not the sign.
func (s Sign) String() string { return fmt.Sprintf("content.Sign(of %s, hidden)", s.By) }

// Format hides the sign from every verb of package fmt.
func (s Sign) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }
