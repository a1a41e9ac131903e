package arrowio

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// appendScalar appends v to a builder of one of the types of parseType.
func appendScalar(b array.Builder, v *scalar) {
	if v.null {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		b.BinaryBuilder.Append(v.s)
	case *array.Float64Builder:
		b.Append(v.f)
	case *array.Int64Builder:
		b.Append(v.i)
	case *array.BooleanBuilder:
		b.Append(v.i != 0)
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(v.i))
	case *array.Int32Builder:
		b.Append(int32(v.i))
	case *array.Float32Builder:
		b.Append(float32(v.f))
	case *array.Date32Builder:
		b.Append(arrow.Date32(v.i))
	case *array.BinaryBuilder:
		b.Append(v.s)
	case *array.Int8Builder:
		b.Append(int8(v.i))
	case *array.Int16Builder:
		b.Append(int16(v.i))
	case *array.Uint8Builder:
		b.Append(uint8(v.i))
	case *array.Uint16Builder:
		b.Append(uint16(v.i))
	case *array.Uint32Builder:
		b.Append(uint32(v.i))
	case *array.Uint64Builder:
		b.Append(uint64(v.i))
	default:
		b.AppendNull() // unreachable: parseType and the inferences make no other type
	}
}

// parseFloat parses a number; ok is false when it is none or does not fit.
func parseFloat(s string, single bool) (f float64, ok bool) {
	bits := 64
	if single {
		bits = 32
	}
	f, err := strconv.ParseFloat(s, bits)
	return f, err == nil
}

// parseInteger parses an integer that fits t (an integer, date or timestamp type). A number with a point or an
// exponent counts when its value is whole: writers that know only floats send 3.0.
func parseInteger(s string, t arrow.DataType) (int64, bool) {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	switch t.ID() {
	case arrow.INT8:
		low, high = math.MinInt8, math.MaxInt8
	case arrow.INT16:
		low, high = math.MinInt16, math.MaxInt16
	case arrow.INT32, arrow.DATE32:
		low, high = math.MinInt32, math.MaxInt32
	case arrow.UINT8:
		low, high = 0, math.MaxUint8
	case arrow.UINT16:
		low, high = 0, math.MaxUint16
	case arrow.UINT32:
		low, high = 0, math.MaxUint32
	case arrow.UINT64:
		return parseUint64(s)
	}
	i, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, ok := wholeFloat(s)
		if !ok {
			return 0, false
		}
		i = int64(f)
	}
	return i, i >= low && i <= high
}

func parseUint64(s string) (int64, bool) {
	u, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		f, ok := wholeFloat(s)
		if !ok || f < 0 {
			return 0, false
		}
		u = uint64(f)
	}
	return int64(u), true
}

// wholeFloat parses a number in floating-point notation that has no fraction and lies where float64 holds every
// integer. Plain digits are not for it: those that do not fit an integer must not be rounded into one.
func wholeFloat(s string) (float64, bool) {
	if !strings.ContainsAny(s, ".eE") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && f == math.Trunc(f) && math.Abs(f) <= 1<<53
}

func isWhole(s string) bool {
	f, err := strconv.ParseFloat(s, 64)
	return err != nil || f == math.Trunc(f)
}

// timeLayouts are tried after RFC 3339; without a zone the time is UTC.
var timeLayouts = []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02 15:04:05.999999999 UTC"}

// parseClock parses RFC 3339, with a space for the T or without a zone too. It makes text of that form first: one
// parser is faster than several that fail.
func parseClock(s string) (time.Time, error) {
	const seconds = len("2006-01-02T15:04:05")
	var buf [48]byte
	if len(s) < seconds || len(s) >= len(buf) || s[10] == 'T' && s[len(s)-1] == 'Z' {
		return time.Parse(time.RFC3339Nano, s)
	}
	b := append(buf[:0], s...)
	if b[10] == ' ' {
		b[10] = 'T'
	}
	if last := b[len(b)-1]; last >= '0' && last <= '9' && !strings.ContainsAny(s[seconds:], "+-Z") {
		b = append(b, 'Z')
	}
	return time.Parse(time.RFC3339Nano, view(b))
}

// parseTimeAs parses text as a date or timestamp of type t; finer parts of a second than its unit are cut off.
func parseTimeAs(t arrow.DataType, s string) (int64, bool) {
	if t.ID() == arrow.DATE32 {
		at, err := time.Parse("2006-01-02", s)
		if err != nil {
			return 0, false
		}
		return int64(arrow.Date32FromTime(at)), true
	}
	at, err := parseClock(s)
	for i := 0; err != nil; i++ {
		if i == len(timeLayouts) || len(s) == 0 || s[0] < '0' || s[0] > '9' {
			return 0, false
		}
		at, err = time.Parse(timeLayouts[i], s)
	}
	return unixIn(at, t.(*arrow.TimestampType).Unit)
}

// unixIn returns at as a count of units since 1970; ok is false when nanoseconds do not reach that far.
func unixIn(at time.Time, unit arrow.TimeUnit) (int64, bool) {
	switch unit {
	case arrow.Second:
		return at.Unix(), true
	case arrow.Millisecond:
		return at.UnixMilli(), true
	case arrow.Microsecond:
		return at.UnixMicro(), true
	}
	if y := at.Year(); y < 1678 || y > 2261 {
		return 0, false
	}
	return at.UnixNano(), true
}
