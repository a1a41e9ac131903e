package sinks

import (
	"github.com/apache/arrow/go/v17/parquet/compress"
)

// The Parquet encoder builds a new zstd encoder for every page, which costs far more than compressing a small
// page does. Its codec keeps one encoder for Encode, without a level; at the default level both are the same.
func init() {
	own, err := compress.GetCodec(compress.Codecs.Zstd)
	if err == nil {
		compress.RegisterCodec(compress.Codecs.Zstd, oneEncoder{own})
	}
}

type oneEncoder struct{ compress.Codec }

func (o oneEncoder) EncodeLevel(dst, src []byte, level int) []byte {
	if level == compress.DefaultCompressionLevel {
		return o.Encode(dst, src)
	}
	return o.Codec.EncodeLevel(dst, src, level)
}
