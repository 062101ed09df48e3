// Package swarm holds tests of service nodes as people run them: processes of
// sessiond --service on loopback, which store, forget nothing when they are
// killed, repair one another and hand over, read and written by a client over
// links and over onions.
package swarm
