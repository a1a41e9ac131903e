// Package sim runs a pipeline in a world that one seed decides: a scheduler that lets one outside step happen at a
// time, a disk that crashes, a broker whose topic has a fixed order, and the clock of a testing/synctest bubble.
//
// Every operation of the disk, every request to the broker and every timer is a step. While a step waits for its
// turn, everything else runs until it waits too; then the scheduler draws the next step. So equal seeds give equal
// schedules, and a crash can be put between any two steps or into the middle of one. Only tests import it.
package sim
