package operators

import (
	"errors"
	"fmt"
	"time"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
)

// origin is which model score and embed have opened. It is their state: a run that goes on must go on with the
// same model, or its output would be of two.
type origin struct {
	folder     string
	checkpoint uint64
	hash       string
}

// Walk saves which model it is, and refuses another one.
func (o *origin) Walk(v flow.Visitor) {
	was := *o
	v.Visit("model_checkpoint", &was.checkpoint)
	v.Visit("model_hash", &was.hash)
	if v.Restoring() && was != *o {
		v.Fail(flow.Configf("model: this run began with checkpoint %d of %s, which is now at %d; put the old one back, or start over with --fresh",
			was.checkpoint, o.folder, o.checkpoint))
	}
}

// StartPass has nothing to do: the model does not change.
func (o *origin) StartPass(int) {}

// openModel opens the newest checkpoint of a folder. A run that trains may replace it between two of our reads; then
// the next one is whole.
func openModel(dir string) (*state.Checkpoint, origin, error) {
	c, err := state.Open(dir)
	if errors.Is(err, state.ErrCorrupt) {
		time.Sleep(100 * time.Millisecond)
		c, err = state.Open(dir)
	}
	switch {
	case errors.Is(err, state.ErrCorrupt):
		return nil, origin{}, fmt.Errorf("model: %w", err)
	case err != nil:
		return nil, origin{}, flow.Classify(flow.ErrConfig, check.Violation{Key: "model", Want: "the checkpoint folder of a pipeline that trains",
			Got: err.Error(), Hint: "run that pipeline first"})
	}
	return c, origin{folder: dir, checkpoint: c.Checkpoint, hash: c.StateHash}, nil
}
