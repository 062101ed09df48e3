// Package compare starts nodes of Pars and of peers on loopback, puts the same
// load on each with package load, and lays the results side by side. Nodes run
// one after another, never together, so that they don't take the processor from
// one another.
package compare
