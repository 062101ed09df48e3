package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// EnvPrefix begins the name of every environment variable that is a setting.
const EnvPrefix = "PARS_"

// FileVariable is the environment variable that names the TOML file when the
// command line doesn't.
const FileVariable = EnvPrefix + "CONFIG"

// testPrefix begins variables that steer this repository's tests; programs
// started by a test inherit them and must not refuse them.
const testPrefix = EnvPrefix + "TEST_"

// ErrUnknown reports a key or variable that is no setting.
var ErrUnknown = errors.New("unknown setting")

// Source is where values that are not on the command line come from. The zero
// Source has none, so that flags and defaults remain.
type Source struct {
	// Environ is a list of NAME=value, as [os.Environ] returns it.
	Environ []string
	// File is the path of a TOML file; empty means none.
	File string
}

// Value is one effective setting.
type Value struct {
	// Name is the flag's name without dashes, such as "http.port".
	Name string `json:"name"`
	// Value is the value as the flag would print it.
	Value string `json:"value"`
	// Origin says where it came from: "flag --http.port", "environment
	// PARS_HTTP_PORT", "file /etc/parsd.toml" or "default".
	Origin string `json:"origin"`
}

// Load sets every flag of settings that the command line left alone from the
// environment, else from the file, and returns all effective values by name.
// The flag set must have been parsed already.
//
// known lists further names that are settings of another command: they are
// accepted and not used, so that one file can serve all commands.
func Load(settings *pflag.FlagSet, known []string, src Source) ([]Value, error) {
	names := slices.Clone(known)
	settings.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })

	env, err := readEnviron(src.Environ, names)
	if err != nil {
		return nil, err
	}
	file, err := readFile(src.File, names)
	if err != nil {
		return nil, err
	}
	var (
		values []Value
		failed error
	)
	settings.VisitAll(func(f *pflag.Flag) {
		origin := "default"
		text, inEnv := env[f.Name]
		entry, inFile := file[f.Name]
		switch {
		case failed != nil:
			return
		case f.Changed:
			origin = "flag --" + f.Name
		case inEnv:
			origin = "environment " + Variable(f.Name)
			if err := f.Value.Set(text); err != nil {
				failed = fmt.Errorf("%s=%q: %w; want a %s", Variable(f.Name), text, err, f.Value.Type())
			}
		case inFile:
			origin = "file " + src.File
			if err := setFromFile(f, entry); err != nil {
				failed = fmt.Errorf("%s: %s: %w", src.File, f.Name, err)
			}
		}
		values = append(values, Value{Name: f.Name, Value: f.Value.String(), Origin: origin})
	})
	if failed != nil {
		return nil, failed
	}
	slices.SortFunc(values, func(a, b Value) int { return strings.Compare(a.Name, b.Name) })
	return values, nil
}

// Variable returns the environment variable of the setting name.
func Variable(name string) string {
	return EnvPrefix + strings.NewReplacer(".", "_", "-", "_").Replace(strings.ToUpper(name))
}

// readEnviron returns the settings that environ has, by flag name.
func readEnviron(environ, names []string) (map[string]string, error) {
	byVariable := make(map[string]string, len(names))
	for _, name := range names {
		byVariable[Variable(name)] = name
	}
	values := map[string]string{}
	for _, entry := range environ {
		variable, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(variable, EnvPrefix) || strings.HasPrefix(variable, testPrefix) || variable == FileVariable {
			continue
		}
		name, ok := byVariable[variable]
		if !ok {
			candidates := []string{FileVariable}
			for v := range byVariable {
				candidates = append(candidates, v)
			}
			return nil, fmt.Errorf("environment: %w %s%s", ErrUnknown, variable, Suggest(variable, candidates))
		}
		values[name] = value
	}
	return values, nil
}
