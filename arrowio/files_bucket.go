package arrowio

import _ "github.com/sluice-stream/sluice/internal/vfs/bucket" // checkpoints may lie where sources read, by the same drivers
