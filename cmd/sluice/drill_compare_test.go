package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Rows as numbers and scores; the number came in, the score was added. Counted by hand.
func TestDrillCountsRows(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "score", Type: arrow.PrimitiveTypes.Float64}}, nil)
	for _, c := range []struct {
		name, want, got           string // rows n:score
		lost, duplicated, changed int64
	}{
		{"equal in another order", "1:1 2:2 2:2", "2:2 1:1 2:2", 0, 0, 0},
		{"lost", "1:1 2:2 3:3", "2:2", 2, 0, 0},
		{"duplicated", "1:1 2:2", "1:1 1:1 2:2 2:2 2:2", 0, 3, 0},
		{"changed", "1:1 2:2", "1:1 2:9", 0, 0, 1},
		{"all at once", "1:1 2:2 3:3 4:4", "2:2 2:2 3:9 4:4", 1, 1, 1},
	} {
		for _, kind := range []string{"record", "message"} {
			sets := func(rows string) rowSets {
				s := rowSets{multiset{}, multiset{}}
				var all []string
				for _, r := range strings.Fields(rows) {
					n, score, _ := strings.Cut(r, ":")
					row := fmt.Sprintf(`{"n":%s,"score":%s}`, n, score)
					all = append(all, row)
					if kind == "message" {
						s.addMessage(&kgo.Record{Value: []byte(row)}, []string{"n"})
					}
				}
				if kind == "record" {
					rec := record(t, schema, "["+strings.Join(all, ",")+"]")
					defer rec.Release()
					s.add(rec, []string{"n"})
				}
				return s
			}
			got := between(sets(c.want), sets(c.got))
			if got != (difference{Lost: c.lost, Duplicated: c.duplicated, Changed: c.changed}) {
				t.Errorf("%s, %s: got %+v", c.name, kind, got)
			}
		}
	}
}

// A bounce cuts the connection within an answer, refuses others for its length, and then all is as before.
func TestDrillGate(t *testing.T) {
	g, err := newGate("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	go func() { // a server that sends what it reads
		for {
			conn, err := g.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(conn, conn)
				conn.Close()
			}()
		}
	}()
	ask := func() error {
		conn, err := net.Dial("tcp", g.Addr().String())
		if err != nil {
			return err
		}
		defer conn.Close()
		fmt.Fprintln(conn, "hello")
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err == nil && line != "hello\n" {
			t.Errorf("want hello, got %q", line)
		}
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	g.bounceAfter(6, 1, 200*time.Millisecond)
	if err := ask(); err == nil {
		t.Error("want the connection cut, got an answer")
	}
	if err := ask(); err == nil {
		t.Error("want no connection while the broker is away, got an answer")
	}
	deadline := time.Now().Add(5 * time.Second)
	for err := ask(); err != nil; err = ask() {
		if time.Now().After(deadline) {
			t.Fatalf("want the broker back, got %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if n := g.bounced(); n != 1 {
		t.Errorf("want 1 bounce, got %d", n)
	}
}

func TestDrillChildRefuses(t *testing.T) {
	for _, spec := range []string{"", "disk_full", "disk_full:much", "slow_sink:5", "kill:1"} {
		if _, err := faultyDisk(spec); err == nil {
			t.Errorf("%q: want an error", spec)
		}
	}
}
