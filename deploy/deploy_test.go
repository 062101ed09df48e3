package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/pars-network/pars/node"
)

// longest is how long anything here may take before it counts as hung.
const longest = time.Minute

// exported returns the names of all series that a running node shows, those of
// histograms with their suffixes.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	var s node.Settings
	if err := s.Flags(node.Dev).Parse([]string{"--http.port=0", "--session.enable=false", "--datadir", filepath.Join(t.TempDir(), "data")}); err != nil {
		t.Fatal(err)
	}
	n, err := node.Start(t.Context(), node.Options{Mode: node.Dev, Settings: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-n.Ready():
	case err := <-n.Failed():
		t.Fatal(err)
	case <-time.After(longest):
		t.Fatal("not ready")
	}
	b, err := n.Banner()
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Get(b.Metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{"up": true} // Prometheus's own
	for name, f := range families {
		names[name] = true
		if f.GetMetric()[0].GetHistogram() != nil {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				names[name+suffix] = true
			}
		}
	}
	return names
}

// dashboard is the part of Grafana's format that is checked.
type dashboard struct {
	UID        string
	Templating struct {
		List []struct{ Query struct{ Query string } }
	}
	Panels []panel
}

type panel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ X, Y, W, H int }
	Targets []struct {
		Expr       string
		Datasource struct{ UID string }
	}
}

// rules is the part of Prometheus's format that is checked.
type rules struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	text, err := os.ReadFile("compose/grafana/dashboards/pars.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// metric finds what can only be the name of a series.
var metric = regexp.MustCompile(`\b(?:pars|avalanche|go|process)_[a-z0-9_]+|\bup\b`)

// A dashboard whose series nobody exports shows nothing, and an alert on them
// never fires.
func TestEveryMetricNameIsExported(t *testing.T) {
	names := exported(t)
	check := func(where, expr string) {
		found := metric.FindAllString(expr, -1)
		if len(found) == 0 {
			t.Errorf("%s: no metric in %q", where, expr)
		}
		for _, name := range found {
			if !names[name] {
				t.Errorf("%s uses %s, which the node doesn't export", where, name)
			}
		}
	}
	d := readDashboard(t)
	for _, v := range d.Templating.List {
		check("a variable of the dashboard", v.Query.Query)
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			check("panel "+p.Title, target.Expr)
		}
	}
	var r rules
	readYAML(t, "compose/alerts.yml", &r)
	for _, g := range r.Groups {
		for _, rule := range g.Rules {
			check("alert "+rule.Alert, rule.Expr)
		}
	}
	// What the documentation promises beyond what is drawn.
	for _, name := range []string{
		"pars_chain_equivocations_total", "pars_chain_verifies_failed_total", "pars_chain_builds_failed_total",
		"pars_chain_block_gap_seconds_bucket", "pars_schedule_own_rank", "pars_schedule_windows_missed_total",
	} {
		if !names[name] {
			t.Errorf("the node doesn't export %s", name)
		}
	}
}

func TestDashboardHoldsTogether(t *testing.T) {
	d := readDashboard(t)
	var source struct{ Datasources []struct{ UID string } }
	readYAML(t, "compose/grafana/provisioning/datasources/prometheus.yaml", &source)
	ids := map[int]bool{}
	cells := map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("panel %s has an id that is taken", p.Title)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %s asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != source.Datasources[0].UID {
				t.Errorf("panel %s asks data source %q, want the provisioned %q", p.Title, target.Datasource.UID, source.Datasources[0].UID)
			}
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken || x >= 24 {
					t.Fatalf("panel %s lies on %q or beyond the edge", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
	}
}

// Every alert must tell somebody what to do.
func TestAlertsAreExplained(t *testing.T) {
	var r rules
	readYAML(t, "compose/alerts.yml", &r)
	guide, err := os.ReadFile("../docs/guide/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range r.Groups {
		for _, rule := range g.Rules {
			if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" {
				t.Errorf("alert %s lacks a severity or a summary", rule.Alert)
			}
			if !strings.Contains(string(guide), "`"+rule.Alert+"`") {
				t.Errorf("docs/guide/operate.md doesn't say what to do about %s", rule.Alert)
			}
		}
	}
}

// flag finds the flags of a command line.
var flag = regexp.MustCompile(`--([a-z][a-z.-]*)`)

// known reports flags of parsd that don't exist.
func known(t *testing.T, where, text string) {
	t.Helper()
	names := append(node.SettingNames(), "config", "dev")
	for _, m := range flag.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(names, m[1]) {
			t.Errorf("%s gives parsd --%s, which it doesn't know", where, m[1])
		}
	}
}

func TestComposeFitsTheFilesAndTheProgram(t *testing.T) {
	var compose struct {
		Services map[string]struct {
			Command     []string
			Ports       []string
			Volumes     []string
			CapDrop     []string `yaml:"cap_drop"`
			ReadOnly    bool     `yaml:"read_only"`
			Environment map[string]string
			Build       struct{ Context, Dockerfile string }
		}
	}
	readYAML(t, "compose/compose.yaml", &compose)
	if len(compose.Services) != 3 {
		t.Fatalf("services = %d, want parsd, prometheus and grafana", len(compose.Services))
	}
	known(t, "compose.yaml", strings.Join(compose.Services["parsd"].Command, " "))
	for name, s := range compose.Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) {
			t.Errorf("service %s is not hardened", name)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("service %s publishes %s, want loopback only", name, p)
			}
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if !strings.HasPrefix(from, "./") {
				continue
			}
			if _, err := os.Stat(filepath.Join("compose", from)); err != nil {
				t.Errorf("service %s mounts %s: %v", name, from, err)
			}
		}
	}
	build := compose.Services["parsd"].Build
	if _, err := os.Stat(filepath.Join("compose", build.Context, build.Dockerfile)); err != nil {
		t.Error(err)
	}
	docker, err := os.ReadFile("compose/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(docker), "\n") {
		if strings.HasPrefix(line, "CMD ") {
			known(t, "Dockerfile", line)
		}
	}
	var prometheus struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName       string                       `yaml:"job_name"`
			StaticConfigs []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	readYAML(t, "compose/prometheus.yml", &prometheus)
	if got := prometheus.ScrapeConfigs[0]; got.JobName != "parsd" || !slices.Equal(got.StaticConfigs[0].Targets, []string{"parsd:6060"}) {
		t.Errorf("Prometheus scrapes %+v, want job parsd at parsd:6060, as the alerts and the compose file say", got)
	}
	if _, err := os.Stat(filepath.Join("compose", prometheus.RuleFiles[0])); err != nil {
		t.Error(err)
	}
}

func TestUnitsFitTheProgram(t *testing.T) {
	unit, err := os.ReadFile("systemd/parsd.service")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(unit) {
		name, value, _ := strings.Cut(strings.TrimSpace(string(line)), "=")
		switch name {
		case "ExecStart":
			known(t, "parsd.service", value)
		case "RestartPreventExitStatus":
			want := fmt.Sprint(int(node.CodeUsage), int(node.CodeDataFolder), int(node.CodeGenesis), int(node.CodeKeys))
			if value != want {
				t.Errorf("parsd.service doesn't restart after %s, want %s: what trying again can't change", value, want)
			}
		}
	}
	for _, name := range []string{"parsd", "sessiond"} {
		text, err := os.ReadFile("systemd/" + name + ".service")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=\n", "PrivateTmp=yes", "SystemCallFilter=@system-service", "MemoryDenyWriteExecute=yes", "StateDirectory="} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s.service lacks %s", name, strings.TrimSpace(want))
			}
		}
	}
}
