package arrowio

import (
	"math"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
)

func TestParseTimes(t *testing.T) {
	utc := func(layout, s string) int64 {
		at, err := time.Parse(layout, s)
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMicro()
	}
	for s, want := range map[string]int64{
		"2015-09-12T00:46:58Z":                utc(time.RFC3339, "2015-09-12T00:46:58Z"),
		"2015-09-12 00:46:58Z":                utc(time.RFC3339, "2015-09-12T00:46:58Z"),
		"2015-09-12T00:46:58":                 utc(time.RFC3339, "2015-09-12T00:46:58Z"),
		"2015-09-12 00:46:58.5":               utc(time.RFC3339, "2015-09-12T00:46:58.5Z"),
		"2015-09-12 00:46:58.123456789+02:00": utc(time.RFC3339, "2015-09-11T22:46:58.123456Z"),
		"2015-09-12 00:46:58-05:30":           utc(time.RFC3339, "2015-09-12T06:16:58Z"),
		"2015-09-12 00:46:58 UTC":             utc(time.RFC3339, "2015-09-12T00:46:58Z"),
		"2015-09-12":                          utc(time.RFC3339, "2015-09-12T00:00:00Z"),
		"2015-09-12 10:30":                    utc(time.RFC3339, "2015-09-12T10:30:00Z"),
		"0001-01-01T00:00:00Z":                utc(time.RFC3339, "0001-01-01T00:00:00Z"),
		"9999-12-31T23:59:59.999999Z":         utc(time.RFC3339, "9999-12-31T23:59:59.999999Z"),
	} {
		if got, ok := parseTimeAs(arrow.FixedWidthTypes.Timestamp_us, s); !ok || got != want {
			t.Errorf("%s: want %d, got %d %v", s, want, got, ok)
		}
	}
	for _, s := range []string{"", "x", "2015", "2015-13-01T00:00:00Z", "2015-02-30", "2015-09-12 25:00:00", "12/09/2015", "2015-09-12T00:46:58+", "2015-09-12T00:46:58Zjunk and more text that is much longer than any time"} {
		if got, ok := parseTimeAs(arrow.FixedWidthTypes.Timestamp_us, s); ok {
			t.Errorf("%q: want nothing, got %d", s, got)
		}
	}
}

func TestParseInteger(t *testing.T) {
	for _, c := range []struct {
		s    string
		t    arrow.DataType
		want int64
		ok   bool
	}{
		{"127", arrow.PrimitiveTypes.Int8, 127, true},
		{"128", arrow.PrimitiveTypes.Int8, 0, false},
		{"-1", arrow.PrimitiveTypes.Uint32, 0, false},
		{"4294967295", arrow.PrimitiveTypes.Uint32, math.MaxUint32, true},
		{"9223372036854775807", arrow.PrimitiveTypes.Int64, math.MaxInt64, true},
		{"9223372036854775808", arrow.PrimitiveTypes.Int64, 0, false},
		{"9007199254740992.0", arrow.PrimitiveTypes.Int64, 1 << 53, true},
		{"9007199254740994.0", arrow.PrimitiveTypes.Int64, 0, false}, // beyond what a float holds exactly
		{"1e3", arrow.PrimitiveTypes.Uint64, 1000, true},
		{"1.5", arrow.PrimitiveTypes.Int64, 0, false},
		{"-1e3", arrow.PrimitiveTypes.Uint64, 0, false},
		{"", arrow.PrimitiveTypes.Int64, 0, false},
	} {
		got, ok := parseInteger(c.s, c.t)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s as %s: want %d %v, got %d %v", c.s, c.t, c.want, c.ok, got, ok)
		}
	}
}
