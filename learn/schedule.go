package learn

// Schedule says what a learning rate is multiplied by as training goes on. It has no state: Factor depends on the
// step alone, so that a restored run goes on as if it had not been interrupted.
type Schedule interface {
	// Factor returns the factor, >= 0, of the update that follows `step` earlier ones, step >= 0.
	Factor(step int) float64
}

// Lagging is an optimizer that leaves the rows of a table behind while no batch holds them, and can bring them to
// where they would stand had every step moved them. Who reads rows (a forward pass, an export, a checkpoint of
// values) calls CatchUp first; a step does it by itself for the rows it updates.
type Lagging interface {
	Optimizer
	// CatchUp brings rows of p up to date, all of them for nil. It does nothing where nothing is behind.
	CatchUp(p *Param, rows []int32)
}
