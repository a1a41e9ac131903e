package arrowio

import (
	"context"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/sluice-stream/sluice/flow"
)

// keptBucket serves one in-memory bucket under a scheme of its own: a mem:// URL would make a fresh one each time.
type keptBucket struct{ content map[string][]byte }

func (k keptBucket) OpenBucketURL(ctx context.Context, _ *url.URL) (*blob.Bucket, error) {
	b := memblob.OpenBucket(nil)
	for key, content := range k.content {
		if err := b.WriteAll(ctx, key, content, nil); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func TestFilesInObjectStore(t *testing.T) {
	rec := sampleRecord(memory.DefaultAllocator, 0, 40)
	want := cells(rec)
	blob.DefaultURLMux().RegisterBucket("kept", keptBucket{map[string][]byte{
		"in/a.parquet":      parquetBytes(t, rec, 16, compress.Codecs.Snappy),
		"in/a.arrow":        arrowBytes(t, rec, 11, false),
		"in/a.arrows":       arrowBytes(t, rec, 11, true),
		"in/a.jsonl.gz":     gzipped(jsonLines(t, rec)),
		"in/a.csv":          csvLines(t, rec),
		"in/deep/b.parquet": nil,
		"in/_SUCCESS":       nil,
	}})
	for _, c := range []struct {
		path  string
		build func(string, []string, []string) (flow.Source, error)
	}{
		{"kept://bucket/in/a.parquet", newParquet},
		{"kept://bucket/in/*.parquet", newParquet},
		{"kept://bucket/in/", newParquet},
		{"kept://bucket/in", newParquet},
		{"kept://bucket/in/a.arrow", newArrow},
		{"kept://bucket/in/?.arrows", newArrow},
		{"kept://bucket/in/*.jsonl.gz", newJSONL},
		{"kept://bucket/in/a.csv", newCSV},
	} {
		s := must(t)(c.build(c.path, nil, nil))
		mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
		if got := readAll(t, s, 9); !slices.Equal(got, want) {
			t.Errorf("%s: want %d rows, got %d", c.path, len(want), len(got))
		}
		s.Close()
	}
	s := must(t)(newParquet("kept://bucket/other/*.parquet", nil, nil))
	if err := s.(flow.Opener).Open(context.Background(), flow.Env{}); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "kept://bucket/other/*.parquet") {
		t.Errorf("want ErrConfig, got %v", err)
	}
	s.Close()
}

func TestFileURL(t *testing.T) {
	glob, want := sampleFiles(t, "a.csv", csvLines)
	s := must(t)(newCSV("file://"+glob, nil, nil))
	mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
	defer s.Close()
	if got := readAll(t, s, 100); !slices.Equal(got, want) {
		t.Errorf("want %d rows, got %d", len(want), len(got))
	}
}

func TestBlobFileReads(t *testing.T) {
	ctx := context.Background()
	b := memblob.OpenBucket(nil)
	defer b.Close()
	if err := b.WriteAll(ctx, "k", []byte("0123456789"), nil); err != nil {
		t.Fatal(err)
	}
	f := &blobFile{ctx: ctx, bucket: b, file: inputFile{name: "mem://k", key: "k", size: 10}}
	p := make([]byte, 4)
	if n, err := f.ReadAt(p, 8); n != 2 || err != io.EOF || string(p[:n]) != "89" {
		t.Errorf("got %d %v", n, err)
	}
	if _, err := f.Seek(-3, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(f); string(rest) != "789" || err != nil {
		t.Errorf("got %q %v", rest, err)
	}
	gone := &blobFile{ctx: ctx, bucket: b, file: inputFile{name: "mem://x", key: "x", size: 10}}
	if _, err := gone.ReadAt(p, 0); !errors.Is(err, flow.ErrConfig) {
		t.Errorf("want ErrConfig for a file that went away, got %v", err)
	}
}
