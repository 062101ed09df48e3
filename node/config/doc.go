// Package config fills a set of flags from everywhere a setting can come from
// and remembers where each value came from. The first place that has a value
// wins:
//
//  1. the command line;
//  2. the environment: the setting http.port is PARS_HTTP_PORT;
//  3. a TOML file: http.port is the key port of the table [http];
//  4. the flag's default.
//
// A key or PARS_ variable that is no setting is an error, never ignored: a
// mistyped limit that silently doesn't apply is worse than a node that
// refuses to start.
package config
