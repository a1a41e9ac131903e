package neighbours

// MostFrequent returns the most frequent kept value of the field that has the most values; ok is false when
// nothing is kept. Ties go to the first.
func (t *Table) MostFrequent() (field, value string, ok bool) {
	sizes := make([]int, len(t.fields))
	for i, f := range t.fieldID {
		if t.kept[i] {
			sizes[f]++
		}
	}
	largest := -1
	for f, n := range sizes {
		if n > 0 && (largest < 0 || n > sizes[largest]) {
			largest = f
		}
	}
	best := -1
	for i, f := range t.fieldID {
		if int(f) == largest && t.kept[i] && !t.null[i] && t.values[i] != "<oov>" && (best < 0 || t.count[i] > t.count[best]) {
			best = i
		}
	}
	if best < 0 {
		return "", "", false
	}
	return t.fields[largest], t.values[best], true
}
