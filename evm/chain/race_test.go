//go:build race

package chain

// raceDetector makes everything several times slower.
const raceDetector = true
