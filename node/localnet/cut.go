package localnet

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pars-network/pars/node"
)

// A Cut divides the nodes of a network, counted from 1, into groups between
// which no packet passes. Nodes that no group names are one more group. No group
// at all means that all nodes reach each other.
type Cut [][]int

// ParseCut reads groups as people write them: "1,2" "3,4,5".
func ParseCut(groups []string) (Cut, error) {
	var c Cut
	for _, text := range groups {
		var group []int
		for _, field := range strings.Split(text, ",") {
			number, err := strconv.Atoi(strings.TrimSpace(field))
			if err != nil {
				return nil, node.Usage(fmt.Errorf("group %q has %q in it, want numbers of nodes such as 1,2", text, field))
			}
			group = append(group, number)
		}
		c = append(c, group)
	}
	return c, nil
}

// String returns the groups as [ParseCut] reads them, separated by "|".
func (c Cut) String() string {
	var groups []string
	for _, group := range c {
		var numbers []string
		for _, number := range group {
			numbers = append(numbers, strconv.Itoa(number))
		}
		groups = append(groups, strings.Join(numbers, ","))
	}
	return strings.Join(groups, "|")
}

// sides returns the group of every one of n nodes, the unnamed ones being group
// 0, or an error that says what is wrong with c.
func (c Cut) sides(n int) ([]int, error) {
	sides := make([]int, n)
	for i, group := range c {
		if len(group) == 0 {
			return nil, node.Usage(errors.New("a group has no node in it"))
		}
		for _, number := range group {
			if number < 1 || number > n {
				return nil, node.Usage(fmt.Errorf("there is no node %d, only 1 to %d", number, n))
			}
			if sides[number-1] != 0 {
				return nil, node.Usage(fmt.Errorf("node %d is named twice", number))
			}
			sides[number-1] = i + 1
		}
	}
	if len(c) > 0 && !slices.ContainsFunc(sides, func(s int) bool { return s != sides[0] }) {
		return nil, node.Usage(fmt.Errorf("one group of all %d nodes cuts nothing; name a part of them, or two groups", n))
	}
	return sides, nil
}

// cut divides the wires from now on; sides has an entry for each node. Packets
// that are on their way arrive. Wires beyond the sides, which is the host's,
// reach everybody.
func (r *router) cut(sides []int) { r.sides.Store(&sides) }

// apart reports whether a cut is between the wires i and j.
func (r *router) apart(i, j int) bool {
	sides := r.sides.Load()
	return sides != nil && i < len(*sides) && j < len(*sides) && (*sides)[i] != (*sides)[j]
}
