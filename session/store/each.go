package store

// Each calls f for every change of the batch, in order. It is for tests that keep
// records in memory.
func (b *Batch) Each(f func(kind Kind, name []byte, num uint64, value []byte, deleted bool)) {
	for _, o := range b.ops {
		f(o.kind, o.name, o.num, o.value, o.del)
	}
}
