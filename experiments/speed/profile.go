package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/sluice-stream/sluice/experiments/speed/cases"
)

// profile writes where the processor's time of a case goes, over two seconds, to folder/NAME.pprof.
func profile(folder, name string, run cases.Run) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(folder, strings.ReplaceAll(name, ":", "-")+".pprof"))
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	for began := time.Now(); err == nil && time.Since(began) < 2*time.Second; {
		err = run()
	}
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close())
}
