package config

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/pflag"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// readFile returns the values of the TOML file at path by flag name: the key
// port of the table [http] is "http.port".
func readFile(path string, names []string) (map[string]any, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading configuration: %w; name an existing file with --config", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading configuration: %w", err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: more than %d bytes; this is no configuration file", path, maxFile)
	}
	values, err := parseFile(string(text), names)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, nil
}

// parseFile flattens the tables of TOML text to dotted names and refuses names
// that are not in names.
func parseFile(text string, names []string) (map[string]any, error) {
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(names))
	for _, n := range names {
		known[n] = true
	}
	values := map[string]any{}
	if err := flatten("", tree, known, names, values); err != nil {
		return nil, err
	}
	return values, nil
}

func flatten(prefix string, tree map[string]any, known map[string]bool, names []string, into map[string]any) error {
	for key, value := range tree {
		name := prefix + key
		if table, ok := value.(map[string]any); ok && !known[name] {
			if err := flatten(name+".", table, known, names, into); err != nil {
				return err
			}
			continue
		}
		if !known[name] {
			return fmt.Errorf("%w %s%s", ErrUnknown, name, Suggest(name, names))
		}
		into[name] = value
	}
	return nil
}

// setFromFile gives flag a TOML value, which must be of the flag's own kind: a
// port written as a string is an error, not a guess.
func setFromFile(flag *pflag.Flag, value any) error {
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		entries, ok := value.([]any)
		if !ok {
			return fmt.Errorf("got %v, want a list of strings", value)
		}
		texts := make([]string, 0, len(entries))
		for _, e := range entries {
			s, ok := e.(string)
			if !ok {
				return fmt.Errorf("got %v in the list, want strings only", e)
			}
			texts = append(texts, s)
		}
		return list.Replace(texts)
	}
	var text string
	kind := flag.Value.Type()
	switch v := value.(type) {
	case string:
		if kind == "bool" || strings.HasPrefix(kind, "int") || strings.HasPrefix(kind, "uint") || strings.HasPrefix(kind, "float") {
			return fmt.Errorf("got the string %q, want a %s without quotes", v, kind)
		}
		text = v
	case bool:
		if kind != "bool" {
			return fmt.Errorf("got %t, want a %s", v, kind)
		}
		text = strconv.FormatBool(v)
	case int64:
		if !strings.HasPrefix(kind, "int") && !strings.HasPrefix(kind, "uint") && !strings.HasPrefix(kind, "float") {
			return fmt.Errorf("got the number %d, want a %s", v, kind)
		}
		text = strconv.FormatInt(v, 10)
	case float64:
		if !strings.HasPrefix(kind, "float") {
			return fmt.Errorf("got the number %g, want a %s", v, kind)
		}
		text = strconv.FormatFloat(v, 'g', -1, 64)
	default:
		return fmt.Errorf("got %v, want a %s", value, kind)
	}
	if err := flag.Value.Set(text); err != nil {
		return fmt.Errorf("got %q, want a %s: %w", text, kind, err)
	}
	return nil
}
