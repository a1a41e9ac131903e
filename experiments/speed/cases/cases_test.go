package cases

import (
	"cmp"
	"os"
	"strings"
	"testing"
)

func env() Env { return Env{cmp.Or(os.Getenv("SLUICE_DATA"), "../../../../shared/data")} }

// TestCasesRun prepares and runs those that need neither data files nor seconds.
func TestCasesRun(t *testing.T) {
	for _, c := range All() {
		if c.Work <= 0 || c.Unit == "" {
			t.Errorf("%s: want work and its unit, got %g %q", c.Name, c.Work, c.Unit)
		}
		slow := strings.Contains(c.Name, ":4096") || strings.HasPrefix(c.Name, "matmul:2048") || strings.HasPrefix(c.Name, "matmul:624")
		if slow || strings.HasPrefix(c.Name, "online") || c.Name == "scan" || testing.Short() {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			run, err := c.Prepare(t.Context(), env(), 2)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := run(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestFind(t *testing.T) {
	if c, err := Find("gather"); err != nil || c.Name != "gather" {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := Find("gathr"); err == nil {
		t.Error("want an error")
	}
}

func TestDrawnIDs(t *testing.T) {
	ids, low := drawIDs(100), 0
	for i, id := range ids {
		if id < 0 || id >= tableRows {
			t.Fatalf("got %d", id)
		}
		if id < 100 {
			low++
		} else if i%fields < 8 {
			t.Fatalf("field %d: got %d", i%fields, id)
		}
	}
	if low > 820 {
		t.Errorf("want about 800 of %d below 100, got %d", len(ids), low)
	}
}

// TestHotelRows reads what the peers' scripts read.
func TestHotelRows(t *testing.T) {
	if _, err := os.Stat(hotelFile(env())); err != nil {
		t.Skipf("no data: %v; set SLUICE_DATA", err)
	}
	d, err := encodeHotel(t.Context(), hotelFile(env()))
	if err != nil {
		t.Fatal(err)
	}
	if d.Rows != hotelRows || d.Fields != 29 || len(d.Labels) != hotelRows {
		t.Errorf("want %d rows of 29 fields, got %d of %d and %d labels", hotelRows, d.Rows, d.Fields, len(d.Labels))
	}
	if err := d.Check(d.table); err != nil {
		t.Error(err)
	}
}

func TestNoDataSaysWhere(t *testing.T) {
	c, err := Find("scan")
	if err != nil {
		t.Fatal(err)
	}
	run, err := c.Prepare(t.Context(), Env{"no/folder"}, 1)
	if err == nil {
		err = run()
	}
	if err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("want a hint at --data, got %v", err)
	}
}
