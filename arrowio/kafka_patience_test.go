package arrowio

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// message is a frame of size bytes behind its length, with id skip bytes behind the length.
func message(dice *rand.Rand, size, skip int, id uint32) []byte {
	b := make([]byte, 4+size)
	for i := range b {
		b[i] = byte(dice.Uint32())
	}
	binary.BigEndian.PutUint32(b, uint32(size))
	binary.BigEndian.PutUint32(b[4+skip:], id)
	return b
}

// TestFramingInAnyPieces cuts a stream of messages anywhere; every head is found, with its id.
func TestFramingInAnyPieces(t *testing.T) {
	dice := rand.New(rand.NewPCG(5, 6))
	for _, skip := range []int{0, 4} {
		var stream []byte
		for id := range uint32(200) {
			stream = append(stream, message(dice, 4+skip+dice.IntN(40), skip, id)...)
		}
		f, next := framing{skip: skip}, uint32(0)
		for len(stream) > 0 {
			piece := stream[:min(1+dice.IntN(70), len(stream))]
			stream = stream[len(piece):]
			for len(piece) > 0 {
				var head *[8]byte
				if head, piece = f.next(piece); head == nil {
					break
				}
				if id := binary.BigEndian.Uint32(head[4:]); id != next {
					t.Fatalf("skip %d: want id %d, got %d", skip, next, id)
				}
				next++
			}
		}
		if next != 200 {
			t.Fatalf("skip %d: want 200 heads, got %d", skip, next)
		}
	}
}

// patientPair is a patient connection and its other end.
func patientPair(t *testing.T, most time.Duration) (*patientConn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return newPatientConn(near, most), far
}

// TestPatientConnCountsProgress reads an answer that takes many times the silence that is allowed.
func TestPatientConnCountsProgress(t *testing.T) {
	p, far := patientPair(t, 200*time.Millisecond)
	dice := rand.New(rand.NewPCG(7, 8))
	answer := message(dice, 40, 0, 9)
	go func() {
		for i := range answer {
			far.Write(answer[i : i+1])
			time.Sleep(20 * time.Millisecond)
		}
	}()
	if _, err := p.Write(message(dice, 30, 4, 9)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(answer))
	if _, err := io.ReadFull(p, got); err != nil || !bytes.Equal(got, answer) {
		t.Fatalf("want the answer whole, got %x, %v", got, err)
	}
	began := time.Now()
	_, err := p.Read(got)
	if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "silent") || time.Since(began) > time.Second {
		t.Fatalf("want a word of silence after 200 ms, got %v after %s", err, time.Since(began))
	}
}

// TestPatientConnRefusesForeignAnswers has an answer to nothing, and one that is none.
func TestPatientConnRefusesForeignAnswers(t *testing.T) {
	dice := rand.New(rand.NewPCG(9, 10))
	for _, b := range [][]byte{message(dice, 40, 0, 8), []byte("HTTP/1.1 400 Bad Request\r\n\r\n")} {
		p, far := patientPair(t, time.Second)
		p.Write(message(dice, 30, 4, 9))
		far.Write(b)
		if _, err := io.ReadFull(p, make([]byte, len(b))); err == nil || !strings.Contains(err.Error(), "does not answer as a Kafka broker") {
			t.Fatalf("want a refusal, got %v", err)
		}
	}
}

// TestPatientConnObeysDeadlines sets deadlines before and during a read, and ends a context.
func TestPatientConnObeysDeadlines(t *testing.T) {
	p, _ := patientPair(t, time.Minute)
	read := func() error {
		_, err := p.Read(make([]byte, 1))
		return err
	}
	within(t, time.Second, "reads with a deadline", func() {
		p.SetDeadline(time.Now().Add(50 * time.Millisecond))
		if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("want the deadline, got %v", err)
		}
		p.SetDeadline(time.Time{})
		time.AfterFunc(50*time.Millisecond, func() { p.SetReadDeadline(time.Unix(1, 0)) })
		if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("want the deadline that was set meanwhile, got %v", err)
		}
		p.SetDeadline(time.Time{})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := until(ctx, p, read); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("want the end of the context to end the read, got %v", err)
		}
	})
}

// TestPaceFollowsTheLink asks for less on a link that is slow or fails, never for less than a little, and for the
// whole share again on one that is not.
func TestPaceFollowsTheLink(t *testing.T) {
	l := &lane{share: 100 << 10, limit: 100 << 10}
	x := newInbox([]*lane{l})
	for _, step := range []struct {
		took time.Duration
		err  error
		want int32
	}{
		{time.Second, nil, 100 << 10}, {slowFetch + 1, nil, 50 << 10}, {0, io.ErrUnexpectedEOF, 25 << 10}, {0, io.EOF, leastPace}, {0, io.EOF, leastPace},
		{time.Second, nil, 2 * leastPace}, {time.Second, nil, 4 * leastPace}, {time.Second, nil, 100 << 10},
	} {
		if x.pace(x.lanes, step.took, step.err); l.limit != step.want {
			t.Fatalf("after %s, %v: want %d bytes, got %d", step.took, step.err, step.want, l.limit)
		}
	}
	l.limit = 8 << 20 // grown for a large message
	if x.pace(x.lanes, time.Second, nil); l.limit != 8<<20 {
		t.Fatalf("want the limit of a large message kept, got %d", l.limit)
	}
	l.share, l.limit = 1024, 1024
	if x.pace(x.lanes, 0, io.EOF); l.limit != 1024 {
		t.Fatalf("want a small share kept, got %d", l.limit)
	}
}
