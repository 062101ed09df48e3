package node

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/pars-network/pars/node/config"
)

// The sample configuration must name every setting with its default, and
// nothing else, or it would lead people astray.
func TestSampleConfigurationHasEverySettingWithItsDefault(t *testing.T) {
	const path = "../docs/parsd.toml"
	for _, mode := range []Mode{Run, Dev} {
		var s Settings
		flags := s.Flags(mode)
		defaults := map[string]string{}
		flags.VisitAll(func(f *pflag.Flag) { defaults[f.Name] = f.Value.String() })
		values, err := config.Load(flags, SettingNames(), config.Source{File: path})
		if err != nil {
			t.Fatalf("%s for mode %d: %v", path, mode, err)
		}
		for _, v := range values {
			if v.Origin != "file "+path {
				t.Errorf("%s doesn't have %s", path, v.Name)
			}
			if mode == Run && v.Value != defaults[v.Name] {
				t.Errorf("%s has %s = %s, want the default %s", path, v.Name, v.Value, defaults[v.Name])
			}
		}
	}
}

// The guide's table of settings is for people; it may not lag behind either.
func TestGuideNamesEverySettingAndExitCode(t *testing.T) {
	text, err := os.ReadFile("../docs/guide/node.md")
	if err != nil {
		t.Fatal(err)
	}
	_, settings, found := strings.Cut(string(text), "\n## Settings\n")
	if !found {
		t.Fatal("docs/guide/node.md has no section Settings")
	}
	var named []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z.-]+)` \\|").FindAllStringSubmatch(settings, -1) {
		named = append(named, m[1])
	}
	known := SettingNames()
	for _, name := range known {
		if !slices.Contains(named, name) {
			t.Errorf("docs/guide/node.md doesn't name the setting %s", name)
		}
	}
	for _, name := range named {
		if !slices.Contains(known, name) {
			t.Errorf("docs/guide/node.md names %s, which is no setting", name)
		}
	}
	for code := range CodeKeys + 1 {
		if !strings.Contains(string(text), "\n| "+string(rune('0'+code))+" |") {
			t.Errorf("docs/guide/node.md doesn't name the exit code %d", code)
		}
	}
}
