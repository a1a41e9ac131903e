package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Broker holds one finished topic of several partitions, with an order over all of them. It outlives the process.
type Broker struct {
	parts [][]Message
	order []int // partition of each message, in the order of all
}

// Message is one message: rows that are numbered through in the order of all partitions.
type Message struct {
	First int64 // number of its first row
	Rows  int
	Bad   bool // it cannot be decoded
}

// Shape says what a topic looks like.
type Shape struct {
	Rows       int64   // of all good messages together
	Partitions int     // >= 1
	Message    int     // most rows of a message, >= 1
	Bad        float64 // share of messages that cannot be decoded, 0 to 1
}

// NewBroker fills a topic by seed.
func NewBroker(seed uint64, shape Shape) *Broker {
	rng := rand.New(rand.NewPCG(seed, 0xb20ce2))
	b := &Broker{parts: make([][]Message, shape.Partitions)}
	put := func(m Message) {
		p := rng.IntN(shape.Partitions)
		b.parts[p] = append(b.parts[p], m)
		b.order = append(b.order, p)
	}
	for at := int64(0); at < shape.Rows; {
		if rng.Float64() < shape.Bad {
			put(Message{First: at, Bad: true})
			continue
		}
		n := 1 + rng.IntN(shape.Message)
		n = int(min(int64(n), shape.Rows-at))
		put(Message{First: at, Rows: n})
		at += int64(n)
	}
	return b
}

// Partitions returns how many there are.
func (b *Broker) Partitions() int { return len(b.parts) }

// At returns the partition of message n in the order of all; ok is false behind the last one.
func (b *Broker) At(n int64) (partition int, ok bool) {
	if n >= int64(len(b.order)) {
		return 0, false
	}
	return b.order[n], true
}

// Fetch asks for the messages of a partition from offset on, as one step: up to a handful, as it pleases, or none,
// or it fails for a passing reason with ErrAway.
func (b *Broker) Fetch(p *Process, partition int, offset int64) ([]Message, error) {
	if p.Step(fmt.Sprintf("fetch %d/%d", partition, offset)) != Alive {
		return nil, ErrCrashed
	}
	switch p.Draw(20) {
	case 0:
		return nil, ErrAway
	case 1:
		time.Sleep(time.Duration(1+p.Draw(900)) * time.Millisecond)
	case 2:
		return nil, nil
	}
	all := b.parts[partition]
	if offset > int64(len(all)) {
		return nil, fmt.Errorf("partition %d: want an offset up to %d, got %d", partition, len(all), offset)
	}
	left := all[offset:]
	return left[:min(len(left), 1+p.Draw(12))], nil
}

// ErrAway is the answer of a broker that is away for a moment.
var ErrAway = fmt.Errorf("the broker is away")

// Bad returns how many messages of a partition cannot be decoded.
func (b *Broker) Bad(partition int) (n int64) {
	for _, m := range b.parts[partition] {
		if m.Bad {
			n++
		}
	}
	return n
}
