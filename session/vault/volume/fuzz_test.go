package volume

import (
	"reflect"
	"testing"
)

func FuzzParseRecords(f *testing.F) {
	var all []byte
	for _, r := range []record{
		{op: opMkdir, path: "/db"}, {op: opCreate, id: 7, path: "/db/a"}, {op: opExtend, id: 7, blocks: [2]uint32{9, 300}},
		{op: opTails, id: 7, blocks: [2]uint32{3, 4}}, {op: opFinish, id: 7, size: 5000, blocks: [2]uint32{3}},
		{op: opLink, id: 7, path: "/db/b"}, {op: opRename, path: "/db/b", to: "/c"}, {op: opUnlink, path: "/c"}, {op: opRmdir, path: "/db"},
	} {
		all = r.append(all)
		f.Add(r.append(nil))
	}
	f.Add(all)
	f.Add([]byte{byte(opCreate), 0x80, 0x00, 1, '/'})
	f.Fuzz(func(t *testing.T, b []byte) {
		records, err := parseRecords(b)
		if err != nil {
			return
		}
		var again []byte
		state := replay{names: map[string]*inode{}, dirs: map[string]bool{}, byID: map[uint64]*inode{}}
		for _, r := range records {
			again = r.append(again)
			if err := state.apply(r); err != nil {
				break
			}
		}
		got, err := parseRecords(again)
		if err != nil || !reflect.DeepEqual(got, records[:len(got)]) {
			t.Errorf("%x parses as %+v, which encodes as %x", b, records, again)
		}
	})
}

func FuzzParseSuperblock(f *testing.F) {
	f.Add(superblock{generation: 3, log: 9, extents: []extent{{2, 20}, {90, 1}}}.bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSuperblock(b)
		if err == nil && string(s.bytes()) != string(b) {
			t.Errorf("%x encodes as %x", b, s.bytes())
		}
	})
}
