package payload

import (
	"bytes"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// Pack writes rows from to to of rec as one Arrow IPC stream.
func Pack(rec arrow.Record, from, to int64) ([]byte, error) {
	part := rec.NewSlice(from, to)
	defer part.Release()
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(rec.Schema()))
	if err := w.Write(part); err != nil {
		return nil, err
	}
	err := w.Close()
	return b.Bytes(), err
}
