package arrowio

import (
	"context"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
)

// toldJoin is a LabelJoin that tells consumer groups how far it has read. It is a type of its own because the runtime
// makes a copy of the whole state of a source that decides.
type toldJoin struct{ *LabelJoin }

func buildLabelJoin(c LabelJoinConfig) (flow.Source, error) {
	j, err := NewLabelJoin(c)
	if err != nil {
		return nil, err
	}
	for _, s := range j.sides() {
		if k, ok := s.src.(*Kafka); ok && k.cfg.Group != "" {
			return toldJoin{j}, nil
		}
	}
	return j, nil
}

// Decide tells the group of each side the offsets of the checkpoint, for tools that show the lag and for
// start: committed. The checkpoint counts in any case, as partitions that a group shares out are refused.
func (j toldJoin) Decide(ctx context.Context, id flow.CheckpointID, saved []byte) error {
	for _, s := range j.sides() {
		k, ok := s.src.(*Kafka)
		if !ok || k.cfg.Group == "" {
			continue
		}
		at := &Kafka{cfg: k.cfg}
		if err := state.ReadPart(saved, sidePart{s.name, at}); err != nil {
			return err
		}
		k.lag.tell(ctx, k.client, k.cfg.Group, &at.saved)
	}
	return nil
}

// Decided is newest: nobody else has a say.
func (j toldJoin) Decided(_ context.Context, _ flow.Env, newest flow.CheckpointID) (flow.CheckpointID, error) {
	return newest, nil
}

// sidePart is what the state of a join holds of one side.
type sidePart struct {
	name string
	src  flow.Stateful
}

// Walk reads the scope of that side.
func (p sidePart) Walk(v flow.Visitor) { p.src.Walk(v.Scope(p.name)) }
