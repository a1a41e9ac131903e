package arrowio

// order says which partition the next message is taken from.
type order interface {
	// pick returns the partition whose head is next. Its answer stays the same until took is called.
	pick() (*partition, readiness, error)
	took() // the head of the last pick was taken whole
}

// turns takes a fixed number of messages from each partition in turn. In a bounded run it waits for the
// partition whose turn it is, so that the order of rows does not depend on time; a live run takes what is there.
type turns struct {
	parts    []*partition
	length   int
	bounded  bool
	at, left int
}

func (t *turns) pick() (*partition, readiness, error) {
	state := finished
	for range t.parts {
		p := t.parts[t.at]
		s, err := p.peek()
		switch {
		case err != nil:
			return nil, s, err
		case s == ready:
			return p, ready, nil
		case s == waiting && t.bounded:
			return nil, waiting, nil
		case s == waiting:
			state = waiting
		}
		t.advance()
	}
	return nil, state, nil
}

func (t *turns) took() {
	if t.left--; t.left <= 0 {
		t.advance()
	}
}

func (t *turns) advance() { t.at, t.left = (t.at+1)%len(t.parts), t.length }

// merge takes the message with the lowest time first, then the lowest partition. Within a partition the order of
// the log stands.
type merge struct {
	parts  []*partition
	lead   *partition
	second krecordKey // the lowest key of the others; their heads do not move while lead is read
	alone  bool       // no other has a head
}

type krecordKey struct {
	ms int64
	id int32
}

func (k krecordKey) before(o krecordKey) bool { return k.ms < o.ms || k.ms == o.ms && k.id < o.id }

func (p *partition) key() krecordKey { return krecordKey{p.head.ms, p.id} }

func (m *merge) pick() (*partition, readiness, error) {
	if m.lead != nil {
		s, err := m.lead.peek()
		if err != nil || s == waiting {
			return nil, waiting, err
		}
		if s == ready && (m.alone || m.lead.key().before(m.second)) {
			return m.lead, ready, nil
		}
		m.lead = nil
	}
	return m.search()
}

// search finds the lowest head; every partition that is not finished must have one.
func (m *merge) search() (*partition, readiness, error) {
	var lead *partition
	m.alone = true
	for _, p := range m.parts {
		switch s, err := p.peek(); {
		case err != nil || s == waiting:
			return nil, waiting, err
		case s == finished:
		case lead == nil:
			lead = p
		case p.key().before(lead.key()):
			m.second, m.alone, lead = lead.key(), false, p
		case m.alone || p.key().before(m.second):
			m.second, m.alone = p.key(), false
		}
	}
	if lead == nil {
		return nil, finished, nil
	}
	m.lead = lead
	return lead, ready, nil
}

func (m *merge) took() {}
