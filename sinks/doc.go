// Package sinks holds what takes records out of a pipeline, in two phases. One file is one sink; sinks do not
// know each other. What the file sinks share is here too: staging.go (names, commit, recovery), table.go (rows
// to files of fixed row groups) and canonical.go (equal rows give equal bytes).
//
// # Files
//
// A file is written as <path>/.staging/<name>.stage, synced when the checkpoint is prepared, and renamed to
// <path>/<name> when it is committed: no reader ever sees half a file. Names hold the checkpoint and a number,
// so that a run that was killed and one that was not leave the same names and the same bytes.
package sinks
