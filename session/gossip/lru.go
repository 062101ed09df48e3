package gossip

import "container/list"

// lru is a map that forgets what was not touched for longest when it is full.
type lru[K comparable, V any] struct {
	size  int
	items map[K]*list.Element
	order *list.List // most recent first
}

type lruItem[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](size int) *lru[K, V] {
	return &lru[K, V]{size: size, items: map[K]*list.Element{}, order: list.New()}
}

func (l *lru[K, V]) get(k K) (v V, ok bool) {
	e, ok := l.items[k]
	if !ok {
		return v, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*lruItem[K, V]).value, true //nolint:errcheck // put stores nothing else
}

func (l *lru[K, V]) put(k K, v V) {
	l.remove(k)
	l.items[k] = l.order.PushFront(&lruItem[K, V]{k, v})
	if len(l.items) > l.size {
		l.remove(l.order.Back().Value.(*lruItem[K, V]).key) //nolint:errcheck // put stores nothing else
	}
}

func (l *lru[K, V]) remove(k K) {
	if e, ok := l.items[k]; ok {
		l.order.Remove(e)
		delete(l.items, k)
	}
}

func (l *lru[K, V]) len() int { return len(l.items) }

// each calls f for every value in no useful order.
func (l *lru[K, V]) each(f func(V)) {
	for e := l.order.Front(); e != nil; e = e.Next() {
		f(e.Value.(*lruItem[K, V]).value) //nolint:errcheck // put stores nothing else
	}
}
