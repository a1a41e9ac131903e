package flow

import (
	"context"
	"log/slog"
	"net"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// Env is what the runtime gives a component that is opened.
type Env struct {
	Pipeline string           // name of the pipeline
	Seed     uint64           // the pipeline's seed; mix it with your own name
	Alloc    memory.Allocator // for every Arrow buffer
	Log      *slog.Logger
	FS       vfs.FS          // for every file that is written
	Fresh    bool            // the user said to start over: what an earlier run left may be removed
	Dial     Dial            // for every connection; nil: the real network
	Embedded string          // address of the embedded broker, "" when there is none
	Reject   func(Rejection) // takes a row that cannot be used; nothing is lost silently
}

// Dial connects to address, as net.Dialer does.
type Dial = func(ctx context.Context, network, address string) (net.Conn, error)

// EmbeddedBroker is the name by which a broker list means Env.Embedded.
const EmbeddedBroker = "embedded"
