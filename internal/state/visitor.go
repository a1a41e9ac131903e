// Package state saves and restores components. A component lists its state once, in Walk; the same walk
// writes a part of a checkpoint and reads it back, so that the two cannot drift.
package state

// Visitor is handed to Walk. Saving, it reads what the pointers point to; restoring, it writes there.
type Visitor interface {
	// Visit saves or restores one named value. ptr is a *bool, *int, *int64, *uint64, *float64, *string, or
	// a pointer to a slice of bool, int32, int64, uint32, uint64, uint8, float32, float64 or string. A restored
	// slice is the component's own. Any other type is a bug and panics.
	Visit(name string, ptr any)
	// Scope returns a visitor whose names stand below name.
	Scope(name string) Visitor
	// Restoring says which way the walk goes; after its visits a component rebuilds what it derives.
	Restoring() bool
	// Fail records that the restored values cannot be used (wrong size, unknown version). The first one counts.
	Fail(err error)
}

// Stateful is a component with state that must survive. Walk visits the same names in the same order every time.
type Stateful interface{ Walk(v Visitor) }
