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

// FormatVersion is the version of the manifest and of the parts that are written; docs/checkpoint-format.md describes it.
const FormatVersion = 2

// oldestVersion is the oldest that is still read.
const oldestVersion = 1

// Manifest describes one checkpoint. A checkpoint exists when its manifest does.
type Manifest struct {
	Format     int             `json:"format"`
	Pipeline   string          `json:"pipeline"`
	Identity   json.RawMessage `json:"identity"` // settings that must not change between runs
	Checkpoint uint64          `json:"checkpoint"`
	Rows       int64           `json:"rows"`             // rows that the source has delivered in this pass
	Rejected   int64           `json:"rejected"`         // rows in the dead letters
	Window     Window          `json:"window"`           // of the newest rows, for max_rejected
	Pass       int             `json:"pass"`             // how often the source has started over
	Final      bool            `json:"final"`            // the run is finished
	Forked     string          `json:"forked,omitempty"` // the pipeline and checkpoint it was forked from; some parts were left behind
	StateHash  string          `json:"state_hash"`
	Run        string          `json:"run,omitempty"` // of the process that wrote it, at random; not in the oldest of version 2
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

// Part is the state of one component: a base file, and the deltas over it in order.
type Part struct {
	Name    string `json:"name"`              // source, operator.0.train, ...
	Content string `json:"content,omitempty"` // xxh3-128 of what the files say together, hexadecimal; version 1 has none
	File    string `json:"file"`              // the base, below the checkpoint folder
	Bytes   int64  `json:"bytes"`
	Hash    string `json:"hash"` // xxh3-128 of the file, hexadecimal
	Deltas  []File `json:"deltas,omitempty"`
}

// File is one file of a part.
type File struct {
	File  string `json:"file"` // below the checkpoint folder
	Bytes int64  `json:"bytes"`
	Hash  string `json:"hash"` // xxh3-128 of the file, hexadecimal
}

// Files returns the base and the deltas in order.
func (p Part) Files() []File {
	return append([]File{{p.File, p.Bytes, p.Hash}}, p.Deltas...)
}

// DeltaBytes returns the bytes of all deltas.
func (p Part) DeltaBytes() int64 {
	sum := int64(0)
	for _, d := range p.Deltas {
		sum += d.Bytes
	}
	return sum
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
	if m.Format < oldestVersion || m.Format > FormatVersion {
		return nil, fmt.Errorf("%w: want format version %d to %d, got %d; use the version of sluice that wrote it, or start over with --fresh", ErrCorrupt, oldestVersion, FormatVersion, m.Format)
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
