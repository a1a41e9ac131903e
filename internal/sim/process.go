package sim

import (
	"errors"
	"strings"
)

// ErrCrashed is what every step returns once the process has died.
var ErrCrashed = errors.New("simulated crash")

// Fate is what becomes of a step.
type Fate int

const (
	Alive Fate = iota // it happens
	Dying             // the crash falls into it: it may happen wholly, in part or not at all
	Dead              // the process died before
)

// Crash says in which step a process dies, or is told to stop; the zero value is in none.
type Crash struct {
	At    int    // in its step At, counted from 1, or
	Near  string // at its Nth step that begins so:
	Nth   int
	Later int    // so many steps later, 0: in it
	Stop  func() // it is told to stop there instead, and goes on until it does
}

// Process is one life of a program. A crash ends it; what goes on in it afterwards changes nothing outside.
type Process struct {
	s     *Scheduler
	name  string
	crash Crash

	// The scheduler's lock guards these.
	near  int // steps of the crash's kind so far
	steps int
	dead  bool
	died  chan struct{} // closed when it is dead
	end   string        // step in which the end came
}

// Step waits for its turn. what names the step; two that wait at the same time should not have the same name.
func (p *Process) Step(what string) Fate {
	w := &step{p: p, what: p.name + what, turn: make(chan Fate, 1)}
	p.s.wait(w)
	return <-w.turn
}

// Draw returns a number of [0, n) from the seed. It is called right behind Step only, or two callers would race for
// the numbers.
func (p *Process) Draw(n int) int { return p.s.draw(n) }

// fate counts a step that is made now, and says what becomes of it.
func (p *Process) fate(what string) Fate {
	p.steps++
	if c := &p.crash; c.Near != "" && p.near < c.Nth && strings.HasPrefix(what, p.name+c.Near) {
		if p.near++; p.near == c.Nth {
			c.At = p.steps + c.Later
		}
	}
	if p.steps != p.crash.At {
		return Alive
	}
	p.end = strings.TrimPrefix(what, p.name)
	if p.crash.Stop != nil {
		p.crash.Stop()
		return Alive
	}
	p.dead = true
	close(p.died)
	return Dying
}

// Steps returns how many steps were made.
func (p *Process) Steps() int {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	return p.steps
}

// Died is closed when the crash happens.
func (p *Process) Died() <-chan struct{} { return p.died }

// Dead says whether the crash has happened.
func (p *Process) Dead() bool {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	return p.dead
}

// End names the step in which the process died or was told to stop, "" where neither happened.
func (p *Process) End() string {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	return p.end
}
