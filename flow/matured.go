package flow

// Names of the columns of a stream in which a row comes twice: when it happens, without its label, and again when
// its label is known. ColRow is then the number of the row in order of arrival, and the same both times.
const (
	ColMatured    = "_matured"    // bool, true: the label is known, or will never be
	ColElapsed    = "_elapsed"    // float64, seconds from the row to its label; null while it is not known
	ColFinal      = "_final"      // bool, the label can no longer change
	ColCorrection = "_correction" // bool, the row came with another label before
)
