package experiment

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/zeebo/xxh3"
)

// Cache keeps figures of runs by what made them: the program itself, the settings, the seed. Data files that a
// pipeline reads are not part of it.
type Cache struct {
	dir string
}

// NewCache returns the cache in the user's cache folder, which is made when first needed.
func NewCache() (*Cache, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("want a cache folder, or --no-cache: %w", err)
	}
	return &Cache{filepath.Join(dir, "sluice", "experiments")}, nil
}

// build is a hash of the running program, so that a changed program measures again.
var build = sync.OnceValues(func() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := xxh3.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%016x", h.Sum64()), nil
})

// file returns where the figures of one run are kept.
func (c *Cache) file(name, arm string, settings []byte, seed uint64) (string, error) {
	b, err := build()
	if err != nil {
		return "", err
	}
	h := xxh3.Hash128([]byte(fmt.Sprintf("%s\n%d\n%s", b, seed, settings))).Bytes()
	return filepath.Join(c.dir, name, fmt.Sprintf("%s-%d-%x.json", arm, seed, h[:8])), nil
}

// load returns nil when the run is not known or its file cannot be read.
func (c *Cache) load(file string) Figures {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var f Figures
	if json.Unmarshal(b, &f) != nil {
		return nil
	}
	return f
}

func (c *Cache) save(file string, f Figures) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".run-*")
	if err != nil {
		return err
	}
	if _, err := tmp.Write(b); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}
