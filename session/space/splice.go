package space

import "slices"

// maxCells bounds the table that compares lines, in cells of 4 bytes.
const maxCells = 1 << 22

// splice is one change of a text, in characters: how many go at a place, and what
// comes there.
type splice struct {
	at, del int
	ins     []rune
}

// splices are what turns one text into another, by place in the first one: lines
// that are equal stay, and of each stretch that changes, its beginning and its end
// as far as they are equal. They do not touch.
func splices(from, to []rune) []splice {
	whole := trim(splice{0, len(from), to}, from)
	if whole.del == 0 || len(whole.ins) == 0 {
		return keep(nil, whole)
	}
	a, b := lines(from[whole.at:whole.at+whole.del]), lines(whole.ins)
	if len(a)*len(b) > maxCells {
		return keep(nil, whole)
	}
	// most[i][j] is how many characters of equal lines a[i:] and b[j:] have.
	width := len(b) + 1
	most := make([]int32, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			best := max(most[(i+1)*width+j], most[i*width+j+1])
			if slices.Equal(a[i], b[j]) {
				best = max(best, most[(i+1)*width+j+1]+int32(len(a[i])))
			}
			most[i*width+j] = best
		}
	}
	var out []splice
	now := splice{at: whole.at}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		here := most[i*width+j]
		switch {
		case i < len(a) && here == most[(i+1)*width+j]:
			now.del += len(a[i])
			i++
		case j < len(b) && here == most[i*width+j+1]:
			now.ins = append(now.ins, b[j]...)
			j++
		default:
			out = keep(out, trim(now, from))
			now = splice{at: now.at + now.del + len(a[i])}
			i, j = i+1, j+1
		}
	}
	return keep(out, trim(now, from))
}

// trim takes off what a splice would put back.
func trim(s splice, from []rune) splice {
	for s.del > 0 && len(s.ins) > 0 && from[s.at] == s.ins[0] {
		s.at, s.del, s.ins = s.at+1, s.del-1, s.ins[1:]
	}
	for s.del > 0 && len(s.ins) > 0 && from[s.at+s.del-1] == s.ins[len(s.ins)-1] {
		s.del, s.ins = s.del-1, s.ins[:len(s.ins)-1]
	}
	return s
}

func keep(list []splice, s splice) []splice {
	if s.del == 0 && len(s.ins) == 0 {
		return list
	}
	return append(list, s)
}

// lines cuts a text behind every line feed.
func lines(text []rune) [][]rune {
	var out [][]rune
	for len(text) > 0 {
		n := slices.Index(text, '\n') + 1
		if n == 0 {
			n = len(text)
		}
		out, text = append(out, text[:n]), text[n:]
	}
	return out
}

// fewer returns about half of what some splices do, at least one character of it;
// nil if they do no more than that.
func fewer(s []splice) []splice {
	if len(s) > 1 {
		return s[:len(s)/2]
	}
	one := s[0]
	switch {
	case one.del+len(one.ins) < 2:
		return nil
	case one.del >= len(one.ins):
		one.del /= 2
	default:
		one.ins = one.ins[:len(one.ins)/2]
	}
	return []splice{one}
}
