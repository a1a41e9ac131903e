package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/runtime"
)

// plainEvery is the time between two lines where nothing can be redrawn.
const plainEvery = 5 * time.Second

// console shows how a run goes: a bar with a table on a terminal, plain lines elsewhere. It is an Observer and a
// Writer for log lines.
type console struct {
	out  io.Writer
	p    *runtime.Pipeline
	live bool

	mu    sync.Mutex
	bars  *mpb.Progress
	bar   *mpb.Bar
	lines []*mpb.Bar // the table below it
	last  runtime.Progress
}

func newConsole(out io.Writer, p *runtime.Pipeline) *console {
	return &console{out: out, p: p, live: isTerminal(out)}
}

// Write prints a log line above the bar.
func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	bars := c.bars
	c.mu.Unlock()
	if bars != nil {
		return bars.Write(b)
	}
	return c.out.Write(b)
}

func (c *console) line(format string, a ...any) { fmt.Fprintf(c, format+"\n", a...) }

// Filled tells of the embedded broker.
func (c *console) Filled(topic string, rows int64, took time.Duration) {
	c.line("feed: %s rows in topic %s of the embedded broker (%.1f s)", count(rows), topic, took.Seconds())
}

// Resumed tells where an earlier run is continued.
func (c *console) Resumed(id flow.CheckpointID, rows int64) {
	c.line("continues from checkpoint %d, behind row %s", uint64(id), count(rows))
}

// Checkpoint tells of a checkpoint where lines are plain; on a terminal the bar says enough.
func (c *console) Checkpoint(id flow.CheckpointID, rows int64, took time.Duration) {
	if !c.live {
		c.line("checkpoint %d at row %s (%d ms)", uint64(id), count(rows), took.Milliseconds())
	}
}

// Progress redraws or prints.
func (c *console) Progress(p runtime.Progress) {
	if !c.live {
		c.line("%s", plainLine(p))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = p
	if c.bars == nil {
		c.start(p.Total)
	}
	c.bar.SetCurrent(p.Rows)
}

// start draws the bar and, below it, one line for each row of the table of figures.
func (c *console) start(total int64) {
	c.bars = mpb.New(mpb.WithOutput(c.out), mpb.WithWidth(48), mpb.WithRefreshRate(200*time.Millisecond))
	shape := mpb.BarFillerBuilder(mpb.BarStyle().Lbound("|").Rbound("|"))
	if total == 0 { // nobody knows how far it is
		shape = mpb.SpinnerStyle()
	}
	c.bar = c.bars.New(total, shape, mpb.PrependDecorators(decor.Name(c.p.Name+" ")), mpb.AppendDecorators(c.figure(progressLine)))
	for i := range tableLines {
		c.lines = append(c.lines, c.bars.New(0, mpb.NopStyle(), mpb.PrependDecorators(c.figure(func(p runtime.Progress) string {
			lines := strings.Split(strings.TrimRight(metricTable(p.Report), "\n"), "\n")
			if i >= len(lines) {
				return ""
			}
			return lines[i]
		}))))
	}
}

// tableLines is the most lines that metricTable has online.
const tableLines = 5

// figure is a decorator that shows what line makes of the newest figures.
func (c *console) figure(line func(runtime.Progress) string) decor.Decorator {
	return decor.Any(func(decor.Statistics) string {
		c.mu.Lock()
		defer c.mu.Unlock()
		return line(c.last)
	})
}

func progressLine(p runtime.Progress) string {
	s := " " + count(p.Rows)
	if p.Total > 0 {
		s += " of " + count(p.Total)
	}
	s += fmt.Sprintf(" rows, %s rows/s", count(int64(p.RowsPerS)))
	if p.Rejected > 0 {
		s += fmt.Sprintf(", %s rejected", count(p.Rejected))
	}
	return s
}

// stop leaves the bar as it is.
func (c *console) stop() {
	c.mu.Lock()
	bars, bar, lines := c.bars, c.bar, c.lines
	c.mu.Unlock()
	if bars == nil {
		return
	}
	for _, b := range append(lines, bar) {
		b.SetTotal(-1, true)
	}
	bars.Wait()
	c.mu.Lock()
	c.bars = nil
	c.mu.Unlock()
}

func plainLine(p runtime.Progress) string {
	s := strings.TrimSpace(progressLine(p))
	m := p.Report.Window
	if auc, ok := m["auc"]; ok {
		s += fmt.Sprintf(", newest rows: auc %.4f, ne %.3f", auc, m["ne"])
	}
	if g := p.Report.Gate; g != nil {
		s += fmt.Sprintf(", gate keeps %.3f", g["ratio"])
	}
	return s
}

// count writes n with commas.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
