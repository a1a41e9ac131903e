package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"

	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

// reporter prints lines as they come: JSON, or a table with the ratio to reach.
type reporter struct {
	w           io.Writer
	json        bool
	begun       bool
	want, reach int // figures so far
}

const row = "%-32s %10s %10s  %7s %15s %6s %5s  %s\n"

func (r *reporter) add(c comparison, l line, peer string) error {
	if r.json {
		return json.NewEncoder(r.w).Encode(l)
	}
	if !r.begun {
		r.begun = true
		fmt.Fprintf(r.w, "%s/%s, %d processors, kernels %s, %s\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cpu.New(0).Kernels(), runtime.Version())
		fmt.Fprintf(r.w, row, "case", "sluice", "peer", "ratio", "low - high", "want", "met", "unit (best peer, threads)")
	}
	want, met, ok := "-", "-", true
	switch {
	case c.counts:
		want, ok = "0", l.Sluice == 0
	case c.atLeast > 0:
		want, ok = strconv.FormatFloat(c.atLeast, 'g', 3, 64), *l.Ratio >= c.atLeast
	}
	if want != "-" {
		r.want++
		met = "NO"
	}
	if want != "-" && ok {
		r.reach++
		met = "yes"
	}
	peerRate, ratio, spread, unit := "-", "-", "-", l.Unit
	if l.Ratio != nil {
		peerRate, ratio = short(*l.Peer), fmt.Sprintf("%.2f", *l.Ratio)
		spread, unit = fmt.Sprintf("%.2f - %.2f", *l.Low, *l.High), fmt.Sprintf("%s (%s)", l.Unit, peer)
	}
	_, err := fmt.Fprintf(r.w, row, c.name, short(l.Sluice), peerRate, ratio, spread, want, met, unit)
	return err
}

// end sums the table up.
func (r *reporter) end() {
	if r.begun {
		fmt.Fprintf(r.w, "\n%d of %d figures reached\n", r.reach, r.want)
	}
}

// short writes a rate with three digits.
func short(x float64) string {
	for _, u := range []struct {
		from float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(x) >= u.from {
			return strconv.FormatFloat(x/u.from, 'g', 3, 64) + " " + u.name
		}
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}
