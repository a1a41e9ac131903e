package arrowio

import (
	"bytes"
	"errors"
	"io"
)

// csvRecordLimit is the longest record that spans lines, in bytes: a quote that is never closed must not swallow a
// file.
const csvRecordLimit = 16 << 20

// csvField is one field of a record.
type csvField struct {
	text   []byte
	quoted bool
}

// csvSplitter cuts a file into records and fields as RFC 4180 says. A quote inside an unquoted field is text, as it
// is for most writers. Of a malformed record only its first line is given up, and reading goes on behind that.
type csvSplitter struct {
	lines  *lineReader
	sep    byte
	fields []csvField
	raw    []byte // the record as it stands in the file, without its line end
	text   []byte // unescaped fields
	from   int    // where in text the open field begins
	whole  []byte // a record of several lines
}

// next reads one record into fields and raw, valid until the next call. reason is not empty for a malformed one.
func (s *csvSplitter) next() (reason string, err error) {
	line, size, err := s.lines.line()
	if err != nil {
		return "", err
	}
	s.raw = trimLineEnd(line)
	if size > textLine {
		return tooLong(size), nil
	}
	switch open, ok := s.split(line); {
	case !ok:
		return badQuote, nil
	case open:
		return s.join(line)
	}
	return "", nil
}

const badQuote = `csv: want a separator or the end of the line behind a closing quote; double a quote to write it inside of quotes`

// join reads on until the quote that line leaves open is closed. What is split stays split: the open field goes on.
func (s *csvSplitter) join(line []byte) (reason string, err error) {
	first := len(line)
	s.whole = append(s.whole[:0:0], line...) // fields keep pointing here when it grows
	s.split(s.whole)
	for {
		more, size, err := s.lines.any()
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		at := len(s.whole)
		s.whole = append(s.whole, more...)
		open, ok := true, true
		if err == nil {
			open, ok = s.fill(s.whole[at:], true)
		}
		switch {
		case ok && !open:
			s.raw = trimLineEnd(s.whole)
			return "", nil
		case !ok, err != nil, size > textLine, len(s.whole) > csvRecordLimit:
			s.lines.putBack(s.whole[first:])
			s.raw = trimLineEnd(s.whole[:first])
			return "csv: want a closing quote; the quote that opens in this line is not closed by a proper one", nil
		}
	}
}

// split cuts a line into fields. open says that it ends inside of quotes; ok is false for text behind a closing quote.
func (s *csvSplitter) split(line []byte) (open, ok bool) {
	s.fields, s.text = s.fields[:0], s.text[:0]
	return s.fill(line, false)
}

// fill appends the fields of a line, the first of them inside of quotes that an earlier line has opened.
func (s *csvSplitter) fill(line []byte, inside bool) (open, ok bool) {
	b := trimLineEnd(line)
	end := line[len(b):]
	for {
		if inside || len(b) > 0 && b[0] == '"' {
			if !inside {
				s.from, b = len(s.text), b[1:]
			}
			rest, open, ok := s.quoted(b, end, !inside)
			if open || !ok {
				return open, ok
			}
			if len(rest) == 0 {
				return false, true
			}
			b, inside = rest[1:], false
			continue
		}
		i := bytes.IndexByte(b, s.sep)
		if i < 0 {
			s.fields = append(s.fields, csvField{text: b})
			return false, true
		}
		s.fields = append(s.fields, csvField{text: b[:i]})
		b = b[i+1:]
	}
}

func trimLineEnd(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r"))
}

// quoted appends the field whose text, inside of quotes, goes on with b. rest is empty or begins with the separator.
// fresh says that none of the field is in s.text yet.
func (s *csvSplitter) quoted(b, end []byte, fresh bool) (rest []byte, open, ok bool) {
	for ; ; fresh = false {
		i := bytes.IndexByte(b, '"')
		if i < 0 {
			s.text = append(append(s.text, b...), end...)
			return nil, true, true
		}
		body := b[:i]
		b = b[i+1:]
		if len(b) > 0 && b[0] == '"' {
			s.text = append(append(s.text, body...), '"')
			b = b[1:]
			continue
		}
		if len(b) > 0 && b[0] != s.sep {
			return nil, false, false
		}
		if !fresh {
			s.text = append(s.text, body...)
			body = s.text[s.from:]
		} // else nothing is escaped: no copy
		s.fields = append(s.fields, csvField{body, true})
		return b, false, true
	}
}
