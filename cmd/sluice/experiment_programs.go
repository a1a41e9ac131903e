package main

// The experiments that are Go programs make themselves known to `sluice experiment`.
import _ "github.com/sluice-stream/sluice/experiments/optfs-planted"
