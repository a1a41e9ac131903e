package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/runtime"
)

// shop is rows of a shop in CSV. clicked depends on the user; order_id, note, shop and paid must not become fields.
func shop(rows int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("order_id,user,price,at,shop,note,vip,paid,clicked\n")
	for i := range rows {
		user := r.IntN(40)
		click := 0
		if r.Float64() < .1+.5*float64(user%2) {
			click = 1
		}
		paid := ""
		if click == 1 {
			paid = "visa"
		}
		fmt.Fprintf(&b, "%d,u%d,%.2f,2026-01-%02dT%02d:00:00Z,main,n%d says so %d,%d,%s,%d\n",
			i, user, 100*r.Float64(), 1+i%28, i%24, i, r.Int(), r.IntN(2), paid, click)
	}
	return b.String()
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCreateFromCSV(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, ".", "shop.csv", shop(2000))
	text := must(t, "create", "shop.csv")
	for _, want := range []string{
		"label: clicked", "- user  # text, 40 values", "at_hour: hour(at)", "at_weekday: weekday(at)", "price: log2floor",
		"Other columns that could be it: vip", "order_id numbers the rows", "shop always has the same value",
		"note has another value in nearly every row", "paid: AUC 1.0000 alone", "csv: {path: \"shop.csv\"}",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "- paid") || strings.Contains(text, "- note") {
		t.Errorf("a leak or prose became a field:\n%s", text)
	}
	write(t, ".", "p.yaml", text)
	must(t, "lint", "p.yaml")
	must(t, "run", "p.yaml", "--report", "r.json")
	report, err := os.ReadFile("r.json")
	if err != nil || !strings.Contains(string(report), `"rows": 2000`) {
		t.Errorf("want 2000 rows in the report, got %s (%v)", report, err)
	}
}

func TestCreateFromOtherFormats(t *testing.T) {
	t.Chdir(t.TempDir())
	p, err := runtime.Parse("clicks", []byte(`name: c
source: {clicks: {rows: 3000}}
sinks:
  - parquet: {path: rows/parquet}
  - arrow: {path: rows/arrow}
`), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := runtime.Run(t.Context(), p, runtime.Options{}); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for i := range 500 {
		fmt.Fprintf(&lines, `{"geo": {"city": "c%d"}, "tags": ["a", "t%d"], "n": %d, "y": %q, "odd": {}}`+"\n", i%7, i%5, i%9, []string{"yes", "no", "no"}[i%3])
	}
	write(t, ".", "lines.jsonl", lines.String())
	for data, wants := range map[string][]string{
		"rows/parquet": {"label: click", "- user", "- item", "price: log2floor", "at_hour: hour(at)"},
		"rows/arrow":   {"label: click", "arrow: {path: \"rows/arrow\"}"},
		"lines.jsonl":  {"label: y_is_yes", `y_is_yes: "y == \"yes\""`, `- "geo.city"`, "- tags"},
	} {
		text := must(t, "create", data)
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: want %q in\n%s", data, want, text)
			}
		}
		write(t, ".", "p.yaml", text)
		must(t, "lint", "p.yaml")
		must(t, "run", "p.yaml", "--fresh")
	}
}

func TestCreateFromKafka(t *testing.T) {
	t.Chdir(t.TempDir())
	data := &benchSet{path: "clicks"}
	if err := generateClicks(t.Context(), 2000, "clicks"); err != nil {
		t.Fatal(err)
	}
	broker, addr, err := benchBroker(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	for topic, format := range map[string]string{topicJSON: "format: json", topicArrow: "format: arrow_ipc"} {
		text := must(t, "create", "kafka://"+addr+"/"+topic)
		for _, want := range []string{format, "until: end", "label: click", "- user"} {
			if !strings.Contains(text, want) {
				t.Errorf("want %q in\n%s", want, text)
			}
		}
		write(t, ".", "p.yaml", text)
		must(t, "run", "p.yaml")
	}
	if _, err := sluice(t, "create", "kafka://"+addr+"/bench_jsno"); err == nil || !strings.Contains(err.Error(), topicJSON) {
		t.Errorf("want a suggestion for the topic, got %v", err)
	}
}

// A second time of a row may be that of its outcome: its parts are not proposed as fields.
func TestCreateUsesTheFirstTimeOnly(t *testing.T) {
	t.Chdir(t.TempDir())
	var rows strings.Builder
	rows.WriteString("booked,cancelled,label\n")
	for i := range 200 {
		fmt.Fprintf(&rows, "2026-01-%02dT%02d:00:00Z,2026-02-%02dT%02d:00:00Z,%d\n", 1+i%28, i%24, 1+i*5%28, i*7%24, i/3%2)
	}
	write(t, ".", "times.csv", rows.String())
	text := must(t, "create", "times.csv")
	if !strings.Contains(text, "hour(booked)") || strings.Contains(text, "(cancelled)") || !strings.Contains(text, "cancelled is a time beside booked") {
		t.Errorf("got %s", text)
	}
}

func TestCreateLabelOnRequest(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, ".", "shop.csv", shop(400))
	if text := must(t, "create", "shop.csv", "--label", "vip", "--out", "p.yaml"); !strings.Contains(text, "wrote p.yaml") {
		t.Errorf("got %s", text)
	}
	text, err := os.ReadFile("p.yaml")
	if err != nil || !strings.Contains(string(text), "label: vip") {
		t.Errorf("got %s, %v", text, err)
	}
	for args, want := range map[string]string{
		"shop.csv --label vipp": `did you mean "vip"?`,
		"shop.csv --label user": "want a column of two values",
		"shop.csv --out p.yaml": "new file",
		"shop.txt":              "shop.txt",
		"nowhere.csv":           "nowhere.csv",
		"kafka://localhost":     "kafka://host:port/topic",
		"shop.csv --rows 0":     "--rows: want >= 1",
		"plain.csv":             "no column looks like a label",
		"empty.csv":             "",
	} {
		write(t, ".", "plain.csv", "a,b\n"+strings.Repeat("1,2\n3,4\n5,9\n", 20))
		write(t, ".", "empty.csv", "a,b\n")
		_, err := sluice(t, append([]string{"create"}, strings.Fields(args)...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("create %s: want %q, got %v", args, want, err)
		}
		if err != nil && !errors.Is(err, flow.ErrConfig) && !errors.Is(err, flow.ErrData) {
			t.Errorf("create %s: want a class, got %v", args, err)
		}
	}
}

func TestQuotedIsYAML(t *testing.T) {
	for in, want := range map[string]string{"user": "user", "y": `"y"`, "No": `"No"`, "geo.city": `"geo.city"`, `a "b"`: `"a \"b\""`, "<x>": `"<x>"`, "": `""`, "häh": `"häh"`} {
		if got := quoted(in); got != want {
			t.Errorf("%q: want %s, got %s", in, want, got)
		}
	}
}

func TestAUCAlone(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	leak, noise, id := &profile{kind: kindText}, &profile{kind: kindDecimal}, &profile{kind: kindText}
	var y []float64
	for i := range 4000 {
		label := float64(r.IntN(2))
		y = append(y, label)
		leak.codes = append(leak.codes, int32(label))
		id.codes = append(id.codes, int32(i))
		noise.codes = append(noise.codes, int32(i))
		noise.nums = append(noise.nums, r.Float64())
	}
	noise.seen = make([]string, 4000)
	id.seen = make([]string, 4000)
	if auc := leak.aucAlone(y); auc < .9999 {
		t.Errorf("want 1 for the label itself, got %g", auc)
	}
	if auc := noise.aucAlone(y); auc < .45 || auc > .55 {
		t.Errorf("want about .5 for noise, got %g", auc)
	}
	if auc := id.aucAlone(y); auc < .45 || auc > .55 {
		t.Errorf("want about .5 for values that never come again, got %g", auc)
	}
}
