package config

import (
	"fmt"
	"slices"
)

// Suggest returns "; did you mean X?" for the candidate nearest to got, or
// nothing when none is near. It is meant to end an error message.
func Suggest(got string, candidates []string) string {
	best, bestAt := "", max(3, len(got)/3)+1
	slices.Sort(candidates)
	for _, c := range candidates {
		if d := distance(got, c); d < bestAt {
			best, bestAt = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance is how many letters must be added, removed or replaced to turn a
// into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
