// Command speed measures Sluice beside what a user would otherwise run: PyTorch, numpy, Vowpal Wabbit, pyarrow. See
// README.md for what is measured and how.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/sluice-stream/sluice/experiments/speed/cases"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o := options{}
	f := flag.NewFlagSet("speed", flag.ContinueOnError)
	f.SetOutput(stderr)
	path := f.String("python", "", "Python with the packages of the peers' requirements.txt")
	pattern := f.String("case", "", "only the cases of this name or pattern, such as 'matmul:*'; several with commas")
	asJSON := f.Bool("json", false, "print a line of JSON a case instead of a table")
	list := f.Bool("list", false, "print the names of the cases, and run nothing")
	folder := f.String("peers", "../shared/peers", "folder of the peers' scripts")
	f.StringVar(&o.env.Data, "data", cmp.Or(os.Getenv("SLUICE_DATA"), "../shared/data"), "folder of the data files")
	f.IntVar(&o.rounds, "rounds", 7, "turns of each program at each case; three where one run takes long")
	f.Float64Var(&o.seconds, "seconds", 0.3, "length of a turn")
	f.StringVar((*string)(&o.clock), "clock", string(cases.Wall), "wall, or cpu: processor time of all threads, which other work on the machine hardly moves")
	f.StringVar(&o.profile, "profile", "", "write a processor profile of Sluice's side of each case to this folder")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 || o.rounds < 1 || !(o.seconds > 0) {
		return fmt.Errorf("want flags only, --rounds >= 1 and --seconds > 0, got %d, %g and %q", o.rounds, o.seconds, f.Args())
	}
	if err := o.clock.Validate(); err != nil {
		return fmt.Errorf("--clock: %w", err)
	}
	chosen, err := choose(comparisons(), *pattern)
	if err != nil {
		return err
	}
	if *list {
		for _, c := range chosen {
			fmt.Fprintln(stdout, c.name)
		}
		return nil
	}
	py, err := newPython(*path, *folder)
	if err != nil {
		return err
	}
	return errors.Join(compare(ctx, chosen, o, py, &reporter{w: stdout, json: *asJSON}), py.close())
}

// compare measures each case. One that cannot be run does not keep the others from it.
func compare(ctx context.Context, chosen []comparison, o options, py *python, r *reporter) error {
	var errs []error
	for _, c := range chosen {
		l, peer, err := measure(ctx, c, o, py)
		if err == nil {
			err = r.add(c, l, peer)
		}
		if ctx.Err() != nil {
			return errors.New("stopped")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	r.end()
	return errors.Join(errs...)
}
