// Package runtime assembles a pipeline from its file and runs it: one goroutine reads the source, one runs the
// chain of operators and the sinks, a bounded channel joins them. Barriers travel through the channel with the
// rows; at each one the chain is flushed, its state is saved and the sinks commit, all or nothing.
//
// It knows components by their contracts only: no plug-in is imported here.
package runtime
