package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"
)

// ErrCorrupt marks a checkpoint that cannot be trusted; flow.ErrCorrupt is the same error.
var ErrCorrupt = errors.New("corrupt")

// FormatVersion is the version of the manifest and of the parts; docs/checkpoint-format.md describes it.
const FormatVersion = 1

// Manifest describes one checkpoint. A checkpoint exists when its manifest does.
type Manifest struct {
	Format     int             `json:"format"`
	Pipeline   string          `json:"pipeline"`
	Identity   json.RawMessage `json:"identity"` // settings that must not change between runs
	Checkpoint uint64          `json:"checkpoint"`
	Rows       int64           `json:"rows"`     // rows that the source has delivered in this pass
	Rejected   int64           `json:"rejected"` // rows in the dead letters
	Window     Window          `json:"window"`   // of the newest rows, for max_rejected
	Pass       int             `json:"pass"`     // how often the source has started over
	Final      bool            `json:"final"`    // the run is finished
	StateHash  string          `json:"state_hash"`
	Parts      []Part          `json:"parts"`
	Report     json.RawMessage `json:"report,omitempty"`
	Check      string          `json:"check"` // hash of this file with an empty check
}

// Window counts the newest rows and those of them that were rejected, in buckets that are used in turn.
type Window struct {
	Seen     int64   `json:"seen"` // all rows so far, rejected ones among them
	At       int     `json:"at"`   // the bucket that is being filled
	Rows     []int64 `json:"rows"`
	Rejected []int64 `json:"rejected"`
}

// Part is one file of a checkpoint: the state of one component.
type Part struct {
	Name  string `json:"name"` // source, operator.0.train, ...
	File  string `json:"file"` // below the checkpoint folder
	Bytes int64  `json:"bytes"`
	Hash  string `json:"hash"` // xxh3-128 of the file, hexadecimal
}

func hashOf(b []byte) string {
	h := xxh3.Hash128(b).Bytes()
	return fmt.Sprintf("%x", h[:])
}

func (m *Manifest) encode() ([]byte, error) {
	m.Check = ""
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, err
	}
	m.Check = hashOf(b)
	return json.MarshalIndent(m, "", " ")
}

// decodeManifest reads and checks the manifest of checkpoint id.
func decodeManifest(b []byte, id uint64) (*Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%w: want JSON: %v; %s", ErrCorrupt, err, advice(id))
	}
	if m.Format != FormatVersion {
		return nil, fmt.Errorf("%w: want format version %d, got %d; use the version of sluice that wrote it, or start over with --fresh", ErrCorrupt, FormatVersion, m.Format)
	}
	got := m.Check
	again, err := m.encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, fmt.Errorf("%w: its hash is %s, it says %s; %s", ErrCorrupt, m.Check, got, advice(id))
	}
	return &m, nil
}
