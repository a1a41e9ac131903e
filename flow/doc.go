// Package flow is the contract of the record plane: what a Source, an Operator and a Sink are, how they keep
// state, and the classes of errors. Records are Arrow records. It holds contracts only: no plug-in, no I/O.
//
// # Life of a component
//
// A source is built from its settings, restored (Walk) when a checkpoint exists, opened, and asked for its
// schema. Operators and sinks are built, opened, bound to the schema that reaches them, and then restored.
// One goroutine calls a component at a time; it needs no locks of its own.
package flow
