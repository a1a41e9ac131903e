package runtime

import (
	"encoding/json"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
)

// save writes the parts and publishes the manifest. Without a store it only computes the hash of the state.
func (c *chain) save(id flow.CheckpointID, source []byte, final bool) error {
	m := &state.Manifest{
		Pipeline: c.g.Name, Checkpoint: uint64(id), Rows: c.rows, Rejected: c.reject.total, Window: c.reject.window, Pass: c.pass, Final: final,
	}
	var err error
	if m.Identity, err = c.g.identity(); err != nil {
		return err
	}
	if c.store == nil && !final {
		return nil
	}
	if m.Parts, err = c.parts(source); err != nil {
		return err
	}
	m.StateHash = state.StateHash(m.Parts, "operator.")
	c.result.StateHash = m.StateHash
	if m.Report, err = json.Marshal(c.report()); err != nil {
		return err
	}
	if c.store == nil {
		return nil
	}
	return c.stored(c.store.Publish(m))
}

// stored gives an error of writing a checkpoint its class.
func (c *chain) stored(err error) error {
	if err == nil {
		return nil
	}
	return flow.Disk("cannot write a checkpoint to", c.g.Checkpoint.Path, err)
}

func (c *chain) parts(source []byte) ([]state.Part, error) {
	var parts []state.Part
	if source != nil && c.store != nil {
		p, err := c.store.PutBytes(sourcePart, source)
		if err != nil {
			return nil, c.stored(err)
		}
		parts = append(parts, p)
	}
	for _, s := range c.g.stages {
		st, ok := s.op.(flow.Stateful)
		if !ok {
			continue
		}
		p, err := c.part(s.name, st)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	for _, o := range c.g.outlets {
		st, ok := o.sink.(flow.Stateful)
		if !ok {
			continue
		}
		p, err := c.part(o.name, st)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

func (c *chain) part(name string, s flow.Stateful) (state.Part, error) {
	if c.store == nil {
		return state.Describe(name, s)
	}
	p, err := c.store.Put(name, s)
	return p, c.stored(err)
}

// report merges what the operators found; a later operator's figures stand over an earlier one's.
func (c *chain) report() flow.Report {
	var out flow.Report
	for _, s := range c.g.stages {
		r, ok := s.op.(flow.Reporter)
		if !ok {
			continue
		}
		notes := out.Notes
		out = r.Report()
		out.Notes = append(notes, out.Notes...)
	}
	return out
}
