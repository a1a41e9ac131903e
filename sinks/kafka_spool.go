package sinks

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

// Columns of a spool file; those behind them are headers, named as these.
const (
	spoolPartition = iota
	spoolTime
	spoolKey
	spoolValue
	spoolHeaders
)

// Limits of the spool. A file is read back as a whole, so its size is what sending holds in memory.
const (
	spoolBatchRows  = 8192
	spoolBatchBytes = 1 << 20
	spoolFileBytes  = 32 << 20
)

// spoolToken is the key of the token in the metadata of a spool file; sentExt ends the name of a mark.
const (
	spoolToken = "sluice.spool"
	sentExt    = ".sent"
)

// spool holds encoded messages in files until their checkpoint is committed. The files of a checkpoint share a
// random token.
//
//	.staging/kafka-00000007-0000.arrow.stage   messages of checkpoint 7
//	.staging/kafka-00000006-0000.sent          holds the token of the newest spool that is known to be sent
type spool struct {
	staging
	mem     memory.Allocator
	headers []string

	id     flow.CheckpointID // that messages added now belong to
	token  string            // of its files, "" while there are none
	number int
	file   *stageFile
	build  *array.RecordBuilder // nil without messages that wait
	rows   int
	bytes  int
	sealed string // token of the spool that was prepared last, "" where it had no messages
}

func newSpool(dir string, headers []string) spool {
	return spool{staging: staging{dir: dir, prefix: "kafka", ext: ".arrow"}, headers: headers}
}

func (s *spool) begin(id flow.CheckpointID) { s.id, s.token, s.number = id, "", 0 }

// spooled is one message.
type spooled struct {
	partition int32
	ms        int64
	key       []byte // nil for none
	value     []byte
	headers   [][]byte // nil for none
}

// add copies a message.
func (s *spool) add(m *spooled) error {
	if s.build == nil {
		if err := s.start(); err != nil {
			return err
		}
	}
	s.build.Field(spoolPartition).(*array.Int32Builder).Append(m.partition)
	s.build.Field(spoolTime).(*array.Int64Builder).Append(m.ms)
	appendBytes(s.build.Field(spoolKey), m.key)
	s.build.Field(spoolValue).(*array.BinaryBuilder).Append(m.value)
	s.bytes += len(m.key) + len(m.value)
	for i, h := range m.headers {
		appendBytes(s.build.Field(spoolHeaders+i), h)
		s.bytes += len(h)
	}
	s.rows++
	if s.rows >= spoolBatchRows || s.bytes >= spoolBatchBytes {
		return s.flush()
	}
	return nil
}

func appendBytes(b array.Builder, v []byte) {
	if v == nil {
		b.AppendNull()
		return
	}
	b.(*array.BinaryBuilder).Append(v)
}

func (s *spool) start() error {
	if s.token == "" {
		var b [16]byte
		if _, err := rand.Read(b[:]); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
		s.token = hex.EncodeToString(b[:])
	}
	fields := []arrow.Field{
		{Name: "partition", Type: arrow.PrimitiveTypes.Int32}, {Name: "time_ms", Type: arrow.PrimitiveTypes.Int64},
		{Name: "key", Type: arrow.BinaryTypes.Binary, Nullable: true}, {Name: "value", Type: arrow.BinaryTypes.Binary},
	}
	for _, h := range s.headers {
		fields = append(fields, arrow.Field{Name: h, Type: arrow.BinaryTypes.Binary, Nullable: true})
	}
	meta := arrow.NewMetadata([]string{spoolToken}, []string{s.token})
	s.build = array.NewRecordBuilder(s.mem, arrow.NewSchema(fields, &meta))
	return nil
}

// flush writes the messages that wait as one batch, and ends the file when it is full.
func (s *spool) flush() error {
	if s.build == nil || s.rows == 0 {
		return nil
	}
	rec := s.build.NewRecord()
	defer rec.Release()
	s.rows, s.bytes = 0, 0
	if s.file == nil {
		path := s.stage(s.name(s.id, s.number))
		f, err := newStageFile(s.fs, path, func(w io.Writer) (encoder, error) { return arrowFormat("none").begin(w, rec.Schema(), s.mem) })
		if err != nil {
			return flow.Disk("cannot create", path, err)
		}
		s.file = f
		s.number++
	}
	if err := s.file.write(rec); err != nil {
		return flow.Disk("cannot write", s.file.path, err)
	}
	if s.file.out.n >= spoolFileBytes {
		return s.end()
	}
	return nil
}

func (s *spool) end() error {
	f := s.file
	s.file = nil
	if err := f.finish(); err != nil {
		return flow.Disk("cannot write", f.path, err)
	}
	return nil
}

// seal makes the messages of the checkpoint durable.
func (s *spool) seal() error {
	err := s.flush()
	if err == nil && s.file != nil {
		err = s.end()
	}
	if err != nil {
		return err
	}
	s.release()
	s.sealed = s.token
	return nil
}

func (s *spool) release() {
	if s.build != nil {
		s.build.Release()
		s.build = nil
	}
	s.rows, s.bytes = 0, 0
}

// abandon drops what is not sealed.
func (s *spool) abandon() {
	s.release()
	if s.file != nil {
		s.file.abandon()
		s.file = nil
	}
}
