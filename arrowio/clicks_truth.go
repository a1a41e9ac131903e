package arrowio

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/zeebo/xxh3"
)

// ClicksTruth is what the click generator draws from. The logit of a click is a bias plus
//
//	effect of the user, of the item, of the city       +-clicksEffect for an informative value, else 0
//	item x half of the day                             +-clicksByNight for an informative item, else 0
//	item x city                                        +-clicksPair where both are informative, else 0
//
// Signs are drawn once for each value. The bias makes the share of clicks what the settings say. Price has no
// effect, and neither have the values that are not informative: what keeps them keeps noise.
type ClicksTruth struct {
	seed             uint64
	bias             float64
	user, item, city clicksField
}

// Sizes of effects, in units of the logit.
const (
	clicksEffect  = 1.8
	clicksByNight = 1.0
	clicksPair    = 1.5
)

// clicksField is one field: values in the order of their popularity.
type clicksField struct {
	names  []string
	upTo   []float64 // cumulative probability
	effect []float64 // first order; 0 for noise
	sign   []float64 // of the pairwise effects; 0 for noise
	index  map[string]int
}

// NewClicksTruth returns the truth for the settings; seed is the pipeline's and is used where they have none.
func NewClicksTruth(c ClicksConfig, seed uint64) *ClicksTruth {
	if c.Seed != 0 {
		seed = c.Seed
	}
	t := &ClicksTruth{seed: xxh3.HashStringSeed("clicks", seed)}
	t.user = newClicksField("u", c.Users, c.Informative, t.seed)
	t.item = newClicksField("i", c.Items, c.Informative, t.seed)
	t.city = newClicksField("c", c.Cities, c.Informative, t.seed)
	t.balance(c.Positives)
	return t
}

// newClicksField draws a field of n values. Informative values are spread evenly over the ranks, one in each
// run of 1/share, so that the popular ones are not more often informative than the others.
func newClicksField(prefix string, n int, share float64, seed uint64) clicksField {
	f := clicksField{
		names: make([]string, n), upTo: make([]float64, n), effect: make([]float64, n), sign: make([]float64, n),
		index: make(map[string]int, n),
	}
	rnd := dice(xxh3.HashStringSeed(prefix, seed))
	digits := len(strconv.Itoa(n - 1))
	for rank, id := range rnd.shuffle(n) {
		f.names[rank] = fmt.Sprintf("%s%0*d", prefix, digits, id)
		f.index[f.names[rank]] = rank
	}
	total := 0.0
	for rank := range n {
		total += math.Pow(float64(rank+5), -0.9)
		f.upTo[rank] = total
	}
	for rank := range n {
		f.upTo[rank] /= total
	}
	for chosen := 0; ; chosen++ {
		from, to := int(float64(chosen)/share), int(float64(chosen+1)/share)
		if share == 0 || to > n {
			return f
		}
		rank := from + int(rnd.float()*float64(to-from))
		f.effect[rank], f.sign[rank] = clicksEffect*rnd.sign(), rnd.sign()
	}
}

// clicksRow is one row; price is NaN for null.
type clicksRow struct {
	user, item, city int // ranks
	price            float64
	ms               int64
	chance           float64 // of a click
	click            int8
}

const (
	clicksStepMS = 13_000
	dayMS        = 24 * 3600 * 1000
	hourMS       = 3600 * 1000
)

// draw returns row i.
func (t *ClicksTruth) draw(i int64) clicksRow {
	rnd := dice(mix64(t.seed ^ mix64(uint64(i))))
	r := clicksRow{user: t.user.pick(rnd.float()), item: t.item.pick(rnd.float()), city: t.city.pick(rnd.float())}
	r.ms = feedEpoch.UnixMilli() + i*clicksStepMS + int64(rnd.float()*clicksStepMS)
	r.price = math.NaN()
	if rnd.float() >= 0.05 {
		r.price = math.Round(100*math.Exp(3+rnd.normal())) / 100
	}
	r.chance = 1 / (1 + math.Exp(-t.bias-t.logit(&r)))
	if rnd.float() < r.chance {
		r.click = 1
	}
	return r
}

// logit is the sum of effects without the bias.
func (t *ClicksTruth) logit(r *clicksRow) float64 {
	night := -1.0
	if hour := r.ms % dayMS / hourMS; hour < 6 || hour >= 18 {
		night = 1
	}
	return t.user.effect[r.user] + t.item.effect[r.item] + t.city.effect[r.city] +
		clicksByNight*t.item.sign[r.item]*night + clicksPair*t.item.sign[r.item]*t.city.sign[r.city]
}

// balance finds the bias by bisection over the first rows.
func (t *ClicksTruth) balance(positives float64) {
	const rows = 20_000
	logits := make([]float64, rows)
	for i := range logits {
		r := t.draw(int64(i))
		logits[i] = t.logit(&r)
	}
	low, high := -20.0, 20.0
	for range 50 {
		t.bias = (low + high) / 2
		sum := 0.0
		for _, l := range logits {
			sum += 1 / (1 + math.Exp(-t.bias-l))
		}
		if sum/rows < positives {
			low = t.bias
		} else {
			high = t.bias
		}
	}
}

// Values returns the values of user, item or city, the most popular first; nil for another column.
func (t *ClicksTruth) Values(field string) []string {
	if f := t.field(field); f != nil {
		return slices.Clone(f.names)
	}
	return nil
}

// Informative says whether a value has an effect. Every hour of the day has one, by its pair with the item;
// no price has.
func (t *ClicksTruth) Informative(field, value string) bool {
	if field == "hour" {
		return true
	}
	f := t.field(field)
	if f == nil {
		return false
	}
	rank, ok := f.index[value]
	return ok && f.effect[rank] != 0
}

func (t *ClicksTruth) field(name string) *clicksField {
	return map[string]*clicksField{"user": &t.user, "item": &t.item, "city": &t.city}[name]
}

// Chance returns the true probability that row i is a click.
func (t *ClicksTruth) Chance(i int64) float64 { return t.draw(i).chance }

// BayesAUC returns the AUC that the true probabilities of rows 0 to n-1 are expected to reach: no model reaches
// more on average.
func (t *ClicksTruth) BayesAUC(n int64) float64 {
	chances := make([]float64, n)
	for i := range chances {
		chances[i] = t.Chance(int64(i))
	}
	slices.SortFunc(chances, cmp.Compare[float64])
	var below, pairs, positives float64 // expected negatives below, ordered pairs, positives
	for i := 0; i < len(chances); {
		j, pos, neg := i, 0.0, 0.0
		for ; j < len(chances) && chances[j] == chances[i]; j++ {
			pos, neg = pos+chances[j], neg+1-chances[j]
		}
		pairs += pos * (below + neg/2)
		below, positives, i = below+neg, positives+pos, j
	}
	return pairs / (positives * below)
}
