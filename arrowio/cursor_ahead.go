package arrowio

import (
	"context"
	"fmt"
	"io"
)

// aheadChunks is how many decoded chunks wait for the consumer; one more is held back, one is being made.
const aheadChunks = 2

// chunkReader decodes one file. next returns io.EOF behind the last chunk.
type chunkReader interface {
	next(ctx context.Context) (chunk, error)
	close()
}

// openFile opens file i at a row.
type openFile func(ctx context.Context, i int, row int64) (chunkReader, error)

// readAhead decodes files in order in a goroutine of its own, a bounded number of chunks ahead.
type readAhead struct {
	out    chan aheadItem
	cancel context.CancelFunc
}

type aheadItem struct {
	file  int
	chunk chunk
	err   error // the last item's, nil at a normal end: then out is closed
}

// startAhead reads the files from index from on, the first of them from the row.
func startAhead(ctx context.Context, open openFile, files []inputFile, from int, row int64) *readAhead {
	ctx, cancel := context.WithCancel(ctx)
	a := &readAhead{out: make(chan aheadItem, aheadChunks), cancel: cancel}
	go func() {
		defer close(a.out)
		for i := from; i < len(files); i++ {
			if err := a.readFile(ctx, open, files[i].name, i, row); err != nil {
				a.send(ctx, aheadItem{file: i, err: err})
				return
			}
			row = 0
		}
	}()
	return a
}

// readFile sends the chunks of file i. Each waits for the next one, because only its absence makes it the last.
func (a *readAhead) readFile(ctx context.Context, open openFile, name string, i int, row int64) (err error) {
	var held *chunk
	defer func() {
		if p := recover(); p != nil { // the decoders of arrow-go panic on some broken files
			err = badFile(name, "content that can be decoded", fmt.Errorf("%v", p))
		}
		if held != nil && !a.send(ctx, aheadItem{file: i, chunk: *held}) && err == nil {
			err = ctx.Err()
		}
	}()
	r, err := open(ctx, i, row)
	if err != nil {
		return err
	}
	defer r.close()
	for {
		c, err := r.next(ctx)
		switch {
		case err == io.EOF:
			if held != nil {
				held.last = true
			}
			return nil
		case err != nil:
			return err
		}
		if held != nil && !a.send(ctx, aheadItem{file: i, chunk: *held}) {
			held = nil
			c.release()
			return ctx.Err()
		}
		held = &c
	}
}

func (a *readAhead) send(ctx context.Context, it aheadItem) bool {
	select {
	case a.out <- it:
		return true
	case <-ctx.Done():
		it.chunk.release()
		return false
	}
}

// next returns the next chunk and its file; io.EOF behind the last file.
func (a *readAhead) next(ctx context.Context) (aheadItem, error) {
	select {
	case it, ok := <-a.out:
		if !ok {
			return aheadItem{}, io.EOF
		}
		if it.err != nil {
			return aheadItem{}, it.err
		}
		return it, nil
	case <-ctx.Done():
		return aheadItem{}, fmt.Errorf("source: %w", ctx.Err())
	}
}

// stop ends the goroutine and frees what it has decoded.
func (a *readAhead) stop() {
	a.cancel()
	for it := range a.out {
		it.chunk.release()
	}
}
