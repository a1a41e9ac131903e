package arrowio

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/payload"
)

// streamOf writes an IPC stream of batches with the numbers [from, to) in column n and their names in s.
func streamOf(t testing.TB, batches ...[2]int) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "s", Type: arrow.BinaryTypes.String}}, nil)
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(schema))
	for _, r := range batches {
		rb := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for n := r[0]; n < r[1]; n++ {
			rb.Field(0).(*array.Int64Builder).Append(int64(n))
			rb.Field(1).(*array.StringBuilder).Append(fmt.Sprint("s", n))
		}
		if err := w.Write(rb.NewRecord()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sendValues(t testing.TB, addrs []string, topic string, partition int32, values ...[]byte) {
	t.Helper()
	recs := make([]*kgo.Record, len(values))
	for i, v := range values {
		recs[i] = &kgo.Record{Topic: topic, Partition: partition, Value: v, Timestamp: time.UnixMilli(int64(i))}
	}
	sendAll(t, addrs, nil, recs...)
}

func arrowConfig(addrs []string) KafkaConfig {
	c := kafkaConfig(addrs, "x")
	c.Format = formatArrow
	return c
}

func TestArrowMessagesEveryBatchAndRestore(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(2, "x"))
	sendValues(t, addrs, "x", 0, streamOf(t, [2]int{0, 3}, [2]int{3, 3}, [2]int{3, 7}), streamOf(t), streamOf(t, [2]int{7, 8}))
	sendValues(t, addrs, "x", 1, streamOf(t, [2]int{8, 20}))
	for _, merge := range []string{mergeNone, mergeTimestamp} {
		c := arrowConfig(addrs)
		c.Merge = merge
		all := pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 1000)
		if len(all) != 20 || all[4] != "4 s4 0 0" {
			t.Fatalf("want 20 rows, the fifth from partition 0, offset 0, got %q", all)
		}
		for at := range 21 {
			for _, most := range []int{1, 5} {
				first := openKafka(t, kafkaEnv(t, nil), c, nil)
				head := pollRows(t, first, at)
				second := openKafka(t, kafkaEnv(t, nil), c, keepState(first))
				equalRows(t, append(head, pollAll(t, second, most)...), all)
				first.Close()
				second.Close()
			}
		}
	}
}

func TestArrowMessagesThatAreBroken(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	whole := streamOf(t, [2]int{0, 3}, [2]int{3, 6})
	cut := whole[:len(whole)-60]
	garbled := bytes.Clone(whole)
	for i := 300; i < 420; i++ {
		garbled[i] ^= 0x5a
	}
	sendValues(t, addrs, "x", 0, streamOf(t, [2]int{0, 1}), cut, []byte("no arrow"), garbled, []byte{}, whole)
	var bad kafkaRejects
	rows := pollAll(t, openKafka(t, kafkaEnv(t, &bad), arrowConfig(addrs), nil), 2)
	if len(rows) != 7 {
		t.Fatalf("want the rows of the first and the last message, got %q", rows)
	}
	if len(bad) != 4 || !bytes.Equal(bad[0].Raw, cut) || bad[3].Offset != 4 {
		t.Fatalf("want four rejections with their bytes, got %v", bad)
	}
}

func TestArrowMessagesWhoseSchemaChanges(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	i, f, s := arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String
	pack := func(names []string, types []arrow.DataType, json string) []byte {
		var fields []arrow.Field
		for c, n := range names {
			fields = append(fields, arrow.Field{Name: n, Type: types[c], Nullable: true})
		}
		rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema(fields, nil), strings.NewReader(json))
		if err != nil {
			t.Fatal(err)
		}
		out, err := payload.Pack(rec, 0, rec.NumRows())
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	sendValues(t, addrs, "x", 0,
		pack([]string{"n", "s"}, []arrow.DataType{i, s}, `[{"n":1,"s":"a"}]`),
		pack([]string{"s", "more", "n"}, []arrow.DataType{s, f, i}, `[{"n":2,"s":"b","more":1.5}]`),
		pack([]string{"n"}, []arrow.DataType{i}, `[{"n":3}]`),
		pack([]string{"n", "s"}, []arrow.DataType{f, s}, `[{"n":4,"s":"d"}]`),
		pack([]string{"n", "s"}, []arrow.DataType{i, dict}, `[{"n":5,"s":"e"},{"n":6,"s":null},{"n":7,"s":"e"}]`),
		pack([]string{"n", "s"}, []arrow.DataType{i, arrow.BinaryTypes.LargeString}, `[{"n":8,"s":"h"}]`),
		pack([]string{"n", "s"}, []arrow.DataType{i, arrow.Null}, `[{"n":9,"s":null}]`),
	)
	var bad kafkaRejects
	c := arrowConfig(addrs)
	c.Meta = nil
	rows := pollAll(t, openKafka(t, kafkaEnv(t, &bad), c, nil), 100)
	equalRows(t, rows, []string{"1 a", "2 b", "3 (null)", "5 e", "6 (null)", "7 e", "8 h", "9 (null)"})
	if len(bad) != 1 || !strings.Contains(bad[0].Reason, `column "n": want int64, got float64`) {
		t.Fatalf("want the changed type rejected, got %v", bad)
	}
}

func TestArrowTopicThatIsJSON(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	sendAll(t, addrs, nil, numberedUpTo("x", 3)...)
	k, err := NewKafka(arrowConfig(addrs))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Open(t.Context(), kafkaEnv(t, nil)); err == nil || !strings.Contains(err.Error(), "set format: json") {
		t.Fatalf("want a suggestion, got %v", err)
	}
}

func TestArrowDeclaredSchema(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	sendValues(t, addrs, "x", 0, streamOf(t, [2]int{0, 2}))
	c := arrowConfig(addrs)
	c.Meta, c.Schema = nil, flow.Ordered[string]{{Key: "s", Value: "utf8"}}
	equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 9), []string{"s0", "s1"})
}

// TestReadMessageAnyByteFlipped looks at each byte of a stream.
func TestReadMessageAnyByteFlipped(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "s", Type: arrow.BinaryTypes.String}}, nil)
	whole := streamOf(t, [2]int{0, 3}, [2]int{3, 6})
	for at := range whole {
		for _, flip := range []byte{1, 0x5a, 0x80, 0xff} {
			b := bytes.Clone(whole)
			b[at] ^= flip
			tryMessage(t, schema, b)
		}
		tryMessage(t, schema, whole[:at])
	}
}

// tryMessage reads b through the library, and as a view where its schema is the usual one: rows or ErrData, and
// where both have rows, the same.
func tryMessage(t *testing.T, schema *arrow.Schema, b []byte) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	usual := streamOf(t, [2]int{0, 1})
	var texts [2][]string
	for i, view := range []bool{false, true} {
		a := &arrowPayloads{alloc: alloc, schema: schema}
		if view {
			recs, err := a.read(&krecord{value: usual})
			if err != nil || !a.known.view && viewsAnywhere {
				t.Fatal("the usual message cannot be viewed", err)
			}
			releaseAll(recs)
		}
		recs, err := a.read(&krecord{value: b})
		if err != nil && !errors.Is(err, flow.ErrData) {
			t.Fatalf("want ErrData, got %v", err)
		}
		for _, r := range recs {
			texts[i] = append(texts[i], rowsAsText(r)...) // every value can be looked at
		}
		releaseAll(recs)
	}
	alloc.AssertSize(t, 0)
	if texts[0] != nil && texts[1] != nil && !slices.Equal(texts[0], texts[1]) {
		t.Fatalf("the library reads %q, the view is %q", texts[0], texts[1])
	}
}

// TestViewsOfEveryType compares views with what the library decodes, and looks whether their answer is given back.
func TestViewsOfEveryType(t *testing.T) {
	list := arrow.ListOf(arrow.PrimitiveTypes.Float32)
	pair := arrow.StructOf(arrow.Field{Name: "a", Type: arrow.BinaryTypes.String, Nullable: true}, arrow.Field{Name: "b", Type: list, Nullable: true})
	var fields []arrow.Field
	for i, typ := range []arrow.DataType{
		arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64,
		arrow.FixedWidthTypes.Timestamp_us, arrow.FixedWidthTypes.Date32, arrow.BinaryTypes.String, arrow.BinaryTypes.Binary, list, pair,
		arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int32), arrow.ListOf(pair),
	} {
		fields = append(fields, arrow.Field{Name: fmt.Sprint("c", i), Type: typ, Nullable: true})
	}
	schema := arrow.NewSchema(fields, nil)
	rows := `[{"c0":true,"c1":-1,"c2":7,"c3":-9,"c4":2.5,"c5":"2026-01-02 03:04:05","c6":"2026-01-02","c7":"x","c8":"eA==","c9":[1,null,3],"c10":{"a":"q","b":[]},"c11":[1,2],"c12":[{"a":"z","b":[4]}]},
		{}, {"c0":false,"c7":"","c9":[],"c10":{"a":null,"b":null},"c11":null,"c12":[]}]`
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	value, err := payload.Pack(rec, 0, rec.NumRows())
	if err != nil {
		t.Fatal(err)
	}
	a := &arrowPayloads{alloc: memory.DefaultAllocator, schema: schema}
	want, err := a.read(&krecord{value: value})
	if err != nil || len(want) != 1 || !array.RecordEqual(want[0], rec) {
		t.Fatal("the library reads it otherwise", err)
	}
	for shift := range 9 { // at any address
		pool := &bufferPool{}
		b := pool.get(pooledFrom)
		at := b.b[shift : shift+len(value)]
		copy(at, value)
		got, err := a.view(&krecord{value: at, in: b})
		if err != nil || len(got) != 1 || !array.RecordEqual(got[0], rec) {
			t.Fatalf("shift %d: %v, %v", shift, got, err)
		}
		b.release()
		if len(pool.free) != 0 {
			t.Fatal("the answer was given back while a view of it was in use")
		}
		releaseAll(got)
		if len(pool.free) != 1 {
			t.Fatal("the answer was not given back")
		}
	}
}

// FuzzReadMessage: whatever the bytes, the answer is rows or ErrData, and no buffer is forgotten.
func FuzzReadMessage(f *testing.F) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "s", Type: arrow.BinaryTypes.String}}, nil)
	whole := streamOf(f, [2]int{0, 3}, [2]int{3, 6})
	f.Add(whole, 0, byte(0))
	for _, at := range []int{9, 200, 310, 330, 350, 400} {
		f.Add(whole, at, byte(0x5a))
	}
	f.Fuzz(func(t *testing.T, b []byte, at int, flip byte) {
		b = bytes.Clone(b)
		if len(b) > 0 {
			b[uint(at)%uint(len(b))] ^= flip
		}
		tryMessage(t, schema, b)
	})
}

// TestBrokenOffsetsBelowAFixedList breaks an offset of text that lies in lists of two: the message is rejected.
func TestBrokenOffsetsBelowAFixedList(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "v", Type: arrow.FixedSizeListOf(2, arrow.BinaryTypes.String), Nullable: true}}, nil)
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(`[{"v":["abc","defg"]}]`))
	if err != nil {
		t.Fatal(err)
	}
	good, err := payload.Pack(rec, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	offsets := []byte{0, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0}
	at := bytes.LastIndex(good, offsets)
	if at < 0 {
		t.Fatal("no offsets")
	}
	bad := bytes.Clone(good)
	bad[at+7] = 0x40
	for _, view := range []bool{false, true} {
		a := &arrowPayloads{alloc: memory.DefaultAllocator, schema: schema}
		if view {
			recs, err := a.read(&krecord{value: good})
			if err != nil {
				t.Fatal(err)
			}
			releaseAll(recs)
		}
		if _, err := a.read(&krecord{value: bad}); !errors.Is(err, flow.ErrData) || !strings.Contains(err.Error(), "offset 1 is 1073741827") {
			t.Errorf("view %v: want the offset refused, got %v", view, err)
		}
	}
}
