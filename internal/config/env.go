package config

import (
	"fmt"
	"regexp"
	"strings"
)

var envPattern = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)

// A ${...} is taken out before the YAML is parsed and put back into the scalar that holds it, so that a value can
// hold any character without changing the structure of the file. The mark is as long as what it replaces:
// positions in messages stay true.
const mark = '\uE000'

// hideEnv replaces each ${...} by a mark and returns what the marks stand for.
func hideEnv(text string) (string, []string) {
	var subs []string
	out := envPattern.ReplaceAllStringFunc(text, func(m string) string {
		id := fmt.Sprintf("%c%d%c", mark, len(subs), mark)
		subs = append(subs, m)
		return id + strings.Repeat("_", max(0, len([]rune(m))-len([]rune(id))))
	})
	return out, subs
}

var markPattern = regexp.MustCompile(string(mark) + `(\d+)` + string(mark) + `_*`)

// showEnv puts the variables into s. used says whether there were any; missing names those without a value.
func (f *File) showEnv(s string) (out string, used bool, missing []string) {
	out = markPattern.ReplaceAllStringFunc(s, func(m string) string {
		used = true
		var i int
		fmt.Sscanf(markPattern.FindStringSubmatch(m)[1], "%d", &i)
		p := envPattern.FindStringSubmatch(f.subs[i])
		if v, ok := f.getenv(p[1]); ok && (v != "" || p[2] == "") {
			return v
		}
		if p[2] == "" {
			missing = append(missing, p[1])
		}
		return p[3]
	})
	return out, used, missing
}
