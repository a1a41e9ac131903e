package flow

import (
	"strings"

	"encoding/json"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// Names of the columns that say where a row came from; a source adds those that its settings ask for.
const (
	ColTopic     = "_topic"     // utf8
	ColPartition = "_partition" // int32
	ColOffset    = "_offset"    // int64
	ColTimestamp = "_timestamp" // timestamp[ms, UTC]
	ColKey       = "_key"       // binary
	ColHeaders   = "_headers"   // list<struct<key utf8, value binary>>
	ColFile      = "_file"      // utf8
	ColRow       = "_row"       // int64, from 0
)

// Rejection is a row that cannot be used, with its reason. Unknown places are "" and -1.
type Rejection struct {
	Reason    string
	Stage     string // component that refused it
	Topic     string // topic or file
	Partition int32
	Offset    int64  // offset or row number
	Raw       []byte // the original bytes, or the row as JSON where they are gone
}

// RejectionSchema is the schema of dead letters.
var RejectionSchema = arrow.NewSchema([]arrow.Field{
	{Name: "reason", Type: arrow.BinaryTypes.String},
	{Name: "stage", Type: arrow.BinaryTypes.String},
	{Name: "topic", Type: arrow.BinaryTypes.String},
	{Name: "partition", Type: arrow.PrimitiveTypes.Int32},
	{Name: "offset", Type: arrow.PrimitiveTypes.Int64},
	{Name: "raw", Type: arrow.BinaryTypes.Binary},
}, nil)

// RejectRow describes row i of rec as rejected by stage: its place from the columns that hold it, its bytes as JSON.
func RejectRow(rec arrow.Record, i int, stage, reason string) Rejection {
	r := Rejection{Reason: reason, Stage: stage, Partition: -1, Offset: -1}
	for c, f := range rec.Schema().Fields() {
		if rec.Column(c).IsNull(i) {
			continue
		}
		switch col := rec.Column(c).(type) {
		case *array.String:
			if f.Name == ColTopic || f.Name == ColFile {
				r.Topic = strings.Clone(col.Value(i)) // the record goes away
			}
		case *array.Int32:
			if f.Name == ColPartition {
				r.Partition = col.Value(i)
			}
		case *array.Int64:
			if f.Name == ColOffset || f.Name == ColRow {
				r.Offset = col.Value(i)
			}
		}
	}
	r.Raw = rowJSON(rec, i)
	return r
}

// rowJSON is row i of rec as a JSON object, keys in the order of columns. What JSON has no number for is text.
func rowJSON(rec arrow.Record, i int) []byte {
	out := []byte{'{'}
	for c, f := range rec.Schema().Fields() {
		if c > 0 {
			out = append(out, ',')
		}
		out = append(out, textJSON(f.Name)...)
		out = append(out, ':')
		v, err := json.Marshal(rec.Column(c).GetOneForMarshal(i))
		if err != nil { // NaN and the infinities
			v = textJSON(rec.Column(c).ValueStr(i))
		}
		out = append(out, v...)
	}
	return append(out, '}')
}

func textJSON(s string) []byte {
	b, _ := json.Marshal(s) // text always has a form
	return b
}
