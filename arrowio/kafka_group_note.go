package arrowio

import (
	"encoding/json"

	"github.com/sluice-stream/sluice/flow"
)

// note is the metadata of a committed offset of a partition, as JSON:
//
//	{"member":"5f0c","checkpoint":7,"row":2,"before":[["91aa",12],["d03e",4]]}
//
// Checkpoint is the newest one of the member that was decided when it committed here, and row counts the rows of
// the message at the offset that were taken. Before carries the same for the members that committed here earlier,
// the newest first, so that the next owner of the partition cannot wipe out what was decided before it: this is the
// witness that tells a member, when it starts again, whether its last checkpoint counts.
type note struct {
	Member     string            `json:"member"`
	Checkpoint flow.CheckpointID `json:"checkpoint"`
	Row        int64             `json:"row,omitempty"`
	Before     []witness         `json:"before,omitempty"`
}

// noteBytes bounds a note: brokers take 4,096 bytes unless they are told otherwise. The oldest members are dropped
// beyond it; one of them that starts again is refused, because nothing tells any more what it had decided.
const noteBytes = 3500

// witness says that checkpoint of member was decided.
type witness struct {
	member     string
	checkpoint flow.CheckpointID
}

// MarshalJSON writes a pair.
func (w witness) MarshalJSON() ([]byte, error) { return json.Marshal([]any{w.member, w.checkpoint}) }

// UnmarshalJSON reads a pair.
func (w *witness) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&w.member, &w.checkpoint})
}

// parseNote reads metadata; that of other programs is a note that tells nothing.
func parseNote(metadata *string) (n note) {
	if metadata == nil || json.Unmarshal([]byte(*metadata), &n) != nil || n.Row < 0 {
		return note{}
	}
	return n
}

// decided returns the newest checkpoint of member that the note knows of; ok is false when it knows none.
func (n note) decided(member string) (id flow.CheckpointID, ok bool) {
	if n.Member == member && member != "" {
		return n.Checkpoint, true
	}
	for _, w := range n.Before {
		if w.member == member {
			return w.checkpoint, true
		}
	}
	return 0, false
}

// by returns the note of a later commit by member, and its text.
func (n note) by(member string, id flow.CheckpointID, row int64) (note, string) {
	next := note{Member: member, Checkpoint: id, Row: row}
	if n.Member != "" && n.Member != member {
		next.Before = append(next.Before, witness{n.Member, n.Checkpoint})
	}
	for _, w := range n.Before {
		if w.member != member {
			next.Before = append(next.Before, w)
		}
	}
	for {
		b, err := json.Marshal(next)
		if err == nil && len(b) <= noteBytes || len(next.Before) == 0 {
			return next, string(b)
		}
		next.Before = next.Before[:len(next.Before)*3/4]
	}
}
