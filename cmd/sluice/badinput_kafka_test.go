package main

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/runtime"
)

// topic starts a broker with topic t of one partition that holds the messages, and returns the settings of a
// source that reads them.
func (b trial) topic(messages ...[]byte) string {
	b.Helper()
	_, source := b.broker(messages...)
	return source
}

func (b trial) broker(messages ...[]byte) (*kfake.Cluster, string) {
	b.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"), kfake.BrokerConfigs(map[string]string{"message.max.bytes": "9000000"}))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.DefaultProduceTopic("t"), kgo.ProducerBatchMaxBytes(8<<20))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	for _, m := range messages {
		if err := cl.ProduceSync(b.Context(), &kgo.Record{Value: m}).FirstErr(); err != nil {
			b.Fatal(err)
		}
	}
	return c, "brokers: [\"" + c.ListenAddrs()[0] + "\"], topic: t, until: end, retry_seconds: 2"
}

const numberSchema = ", schema: {n: int64, c: utf8, x: float64, y: int64}"

// messages are n good rows, some of them replaced.
func messages(n int, bad map[int]string) [][]byte {
	var out [][]byte
	for i := range n {
		m := numbered(i)
		if s, ok := bad[i]; ok {
			m = s
		}
		out = append(out, []byte(m))
	}
	return out
}

func keysOf(m map[int]string) []int {
	var out []int
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// TestBadMessages sends messages that are no rows among those that are.
func TestBadMessages(t *testing.T) {
	bad := map[int]string{
		1:  `{"n":1,"c":`,
		2:  `not json`,
		3:  ``,
		5:  `{"n":5,"c":"a","x":"five","y":0}`,
		6:  `{"n":6,"c":"a","x":1,"y":{"z":1}}`,
		9:  `{"n":9.5,"c":"a","x":1,"y":1}`,
		12: `{"n":12,"c":"a","x":1e999,"y":1}`,
		13: `{"n":13,"c":"a","x":NaN,"y":1}`,
		14: "{\"n\":14,\"c\":\"\xff\",\"x\":1,\"y\":1}",
		15: `[{"n":15}]`,
		16: `{"n":16,"c":"a","x":1,"y":2}`,
		17: `{"n":17,"c":"a","x":1,"y":-1}`,
	}
	reasons := map[int]string{
		1: "ends early", 2: "json: ", 5: `json: x: want float64, got string "five"`, 6: "json: y: want int64", 9: "json: n: want int64, got number 9.5",
		12: "json: x: want a number that fits float64, got number 1e999", 15: "want an object, got array", 16: "label y: want 0 or 1, got 2", 17: "label y: want 0 or 1, got -1",
	}
	for name, schema := range map[string]string{"declared": numberSchema, "inferred": ", infer_rows: 1"} {
		t.Run(name, func(t *testing.T) {
			b := newTrial(t)
			res := b.mustRun(learning("{kafka: {" + b.topic(messages(20, bad)...) + schema + "}}"))
			b.accounts(res, 20, keysOf(bad), 0)
			for _, d := range b.dead() {
				n := int(d.Offset)
				if d.Topic != "t" || d.Partition != 0 || !strings.Contains(d.Reason, reasons[n]) {
					t.Errorf("want reason %q at t/0/%d, got %+v", reasons[n], n, d)
				}
				if n < 16 && string(d.Raw) != bad[n] {
					t.Errorf("offset %d: want the original bytes %q, got %q", n, bad[n], d.Raw)
				}
				if n >= 16 && !strings.Contains(string(d.Raw), fmt.Sprintf(`"n":%d`, n)) {
					t.Errorf("offset %d: want the row, got %q", n, d.Raw)
				}
			}
		})
	}
}

// TestMissingValues sends rows that lack columns, labels among them: nothing is rejected, a row without a label is
// scored and not learned.
func TestMissingValues(t *testing.T) {
	b := newTrial(t)
	odd := map[int]string{
		0: `{"n":0,"y":1}`, 4: `{"n":4,"c":null,"x":null,"y":0}`, 7: `{"n":7,"c":"a","x":1,"y":null}`, 8: `{"n":8,"c":"a","x":1}`, 19: `{"n":19}`,
	}
	res := b.mustRun(learning("{kafka: {" + b.topic(messages(20, odd)...) + numberSchema + "}}"))
	b.accounts(res, 20, nil, 3)
	if !slices.Contains(res.Notes, "3 rows without a label were scored, not learned") {
		t.Errorf("want a note on rows without a label, got %q", res.Notes)
	}
}

// TestColumnNullAtFirst has a column that is null throughout the sample: its type is not known, so it is text.
func TestColumnNullAtFirst(t *testing.T) {
	const nulls, more = 3000, 40
	var msgs [][]byte
	for n := range nulls + more {
		late := "null"
		if n >= nulls {
			late = fmt.Sprint(n)
		}
		msgs = append(msgs, fmt.Appendf(nil, `{"n":%d,"c":"k","late":%s,"x":1,"y":%d}`, n, late, n%2))
	}
	b := newTrial(t)
	source := "{kafka: {" + b.topic(msgs...)
	text := strings.ReplaceAll(strings.Replace(learning(source+"}}"), "[c]", "[c, late]", 1), "rows: 5}", "rows: 500}")
	b.accounts(b.mustRun(text), nulls+more, nil, 0)
	if r := b.rows("rows"); r[0]["late"] != nil || r[nulls]["late"] != fmt.Sprint(nulls) {
		t.Errorf("want null and then text, got %v and %v", r[0]["late"], r[nulls]["late"])
	}
	as := newTrial(t)
	text = strings.Replace(strings.Replace(text, "x: log2floor", "late: log2floor", 1), "[c, late]", "[c]", 1)
	_, err := as.run(text)
	as.refuses(err, flow.ErrConfig, "pipeline.yaml:4:", "train.fields.numeric.late", "want a column of numbers", "utf8", "schema")
	res := as.mustRun(strings.Replace(text, source, source+", schema: {n: int64, c: utf8, late: int64, x: float64, y: int64}", 1))
	as.accounts(res, nulls+more, nil, 0)
}

// TestEmptyTopic ends at once with declared columns; without, there is nothing to bind the operators to.
func TestEmptyTopic(t *testing.T) {
	b := newTrial(t)
	source := b.topic()
	b.accounts(b.mustRun(learning("{kafka: {"+source+numberSchema+"}}")), 0, nil, 0)
	if res := b.mustRun(learning("{kafka: {" + source + numberSchema + "}}")); !res.Finished {
		t.Errorf("want the second run to find the first one finished, got %+v", res)
	}
	_, err := newTrial(t).run(learning("{kafka: {" + source + "}}"))
	b.refuses(err, flow.ErrConfig, "pipeline.yaml:2:", "as if it were empty", "schema")
}

// TestMessageLargerThanFetch reads a message that is larger than what one fetch asks for.
func TestMessageLargerThanFetch(t *testing.T) {
	b := newTrial(t)
	big := fmt.Sprintf(`{"n":2,"c":%q,"x":1,"y":1}`, strings.Repeat("a", 3<<20))
	res := b.mustRun(learning("{kafka: {" + b.topic(messages(9, map[int]string{2: big})...) + ", max_bytes: 1024}}"))
	b.accounts(res, 9, nil, 0)
}

func TestMissingTopicAndDeadBroker(t *testing.T) {
	b := newTrial(t)
	_, err := b.run(learning("{kafka: {" + strings.Replace(b.topic(), "topic: t", "topic: tt", 1) + "}}"))
	b.refuses(err, flow.ErrConfig, "pipeline.yaml:2:", `"tt"`, `did you mean "t"?`)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, err = b.run(learning("{kafka: {brokers: [\"" + addr + "\"], topic: t, retry_seconds: 1}}"))
	b.refuses(err, flow.ErrTransient, "pipeline.yaml:2:", addr, `topic "t"`, "check that they run")
}

// TestSchemaChangesBetweenMessages keeps the columns of the sample: new ones are passed over, missing ones are
// null, values of another type are rejected.
func TestSchemaChangesBetweenMessages(t *testing.T) {
	b := newTrial(t)
	odd := map[int]string{5: `{"n":5,"c":"a","x":1,"y":1,"new":[1]}`, 6: `{"n":6,"y":1}`, 7: `{"n":7,"c":"a","x":true,"y":1}`}
	res := b.mustRun(learning("{kafka: {" + b.topic(messages(9, odd)...) + ", infer_rows: 2}}"))
	b.accounts(res, 9, []int{7}, 0)
}

// TestBrokerDiesMidway stops with the class of what may pass, soon after retry_seconds; what was committed stays.
func TestBrokerDiesMidway(t *testing.T) {
	b := newTrial(t)
	c, source := b.broker(messages(20, nil)...)
	text := learning("{kafka: {" + strings.Replace(strings.Replace(source, "until: end, ", "", 1), "retry_seconds: 2", "retry_seconds: 1", 1) + numberSchema + "}}")
	began := time.Now()
	_, err := b.run(text, func(o *runtime.Options) { o.Observer = stopAt{3, c.Close} })
	b.refuses(err, flow.ErrTransient, `topic "t"`, "gave no usable answer", "check that they run")
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("want to give up soon, took %s", took)
	}
	if got := b.numbers("rows"); len(got) < 15 || len(got)%5 != 0 {
		t.Errorf("want the rows of whole checkpoints, got %v", got)
	}
}
