package sinks

// murmur2 is the hash by which Kafka's own clients find the partition of a key, so that rows of one key meet those
// that other programs write.
func murmur2(b []byte) uint32 {
	const mix = 0x5bd1e995
	h := uint32(0x9747b28c) ^ uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		k := (uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24) * mix
		k = (k ^ k>>24) * mix
		h = h*mix ^ k
	}
	if len(b) > 0 {
		for i, c := range b {
			h ^= uint32(c) << (8 * i)
		}
		h *= mix
	}
	h = (h ^ h>>13) * mix
	return h ^ h>>15
}
