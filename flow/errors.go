package flow

import (
	"errors"
	"fmt"

	"github.com/sluice-stream/sluice/internal/state"
)

// The classes of errors. The class decides what happens; test with errors.Is, wrap with %w.
var (
	ErrConfig    = errors.New("configuration") // stops before any data flows
	ErrData      = errors.New("data")          // the row goes to the dead letters with its reason
	ErrTransient = errors.New("transient")     // is retried with backoff
	ErrCorrupt   = state.ErrCorrupt            // refuses to load and says what to do
)

type classed struct{ class, err error }

func (c classed) Error() string   { return c.err.Error() }
func (c classed) Unwrap() []error { return []error{c.class, c.err} }

// Classify gives err a class without changing its text. A nil err stays nil.
func Classify(class, err error) error {
	if err == nil {
		return nil
	}
	return classed{class, err}
}

// Configf, Dataf, Transientf and Corruptf make an error of the class.
func Configf(format string, a ...any) error {
	return classed{ErrConfig, fmt.Errorf(format, a...)}
}

// Dataf makes an error of class ErrData.
func Dataf(format string, a ...any) error { return classed{ErrData, fmt.Errorf(format, a...)} }

// Transientf makes an error of class ErrTransient.
func Transientf(format string, a ...any) error {
	return classed{ErrTransient, fmt.Errorf(format, a...)}
}

// Corruptf makes an error of class ErrCorrupt.
func Corruptf(format string, a ...any) error { return classed{ErrCorrupt, fmt.Errorf(format, a...)} }
