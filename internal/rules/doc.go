// Package rules holds the tests that keep the house in order: who may import whom, and that the documents and
// the code agree.
package rules
