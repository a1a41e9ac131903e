//go:build !unix

package cases

import (
	"errors"
	"time"
)

// processorTime is known on Unix only.
func processorTime() (time.Duration, error) {
	return 0, errors.New("want a Unix system for --clock cpu")
}
