//go:build !unix

package main

import "os"

const noSignals = skipped("this system has no such signal")

func terminate(*os.Process) error { return noSignals }

func freeze(*os.Process) error { return noSignals }

func thaw(*os.Process) error { return noSignals }
