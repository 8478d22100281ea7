package gen

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// isInitialism reports whether Go writes a word in capitals throughout.
func isInitialism(word string) bool {
	switch word {
	case "ACL", "API", "ASCII", "CPU", "CSS", "CSV", "DB", "DNS", "EAN", "EOF", "GPS", "GTIN", "GUID", "HTML", "HTTP",
		"HTTPS", "IATA", "IBAN", "ICAO", "ID", "IP", "ISBN", "ISO", "JSON", "JWT", "MD5", "OS", "PDF", "QPS", "RAM",
		"RPC", "SHA1", "SHA256", "SKU", "SLA", "SMTP", "SQL", "SSH", "TCP", "TLS", "TTL", "UDP", "UI", "UID", "URI",
		"URL", "UTC", "UTF8", "UUID", "VAT", "VIN", "VM", "XML":
		return true
	}
	return false
}

// goNameOf returns the exported Go name for an Avro name: its words, which
// underscores and capitals part, with capitals and without underscores. Of a
// name all in capitals, such as IN_AIR, words keep their first ones; short
// ones, such as EUR, are taken for codes.
func goNameOf(name string) string {
	const longestCode = 3
	shouted := len(name) > longestCode && strings.ToUpper(name) == name
	var out strings.Builder
	for _, word := range words(name) {
		rest := word[1:]
		if shouted {
			rest = strings.ToLower(rest)
		}
		if upper := strings.ToUpper(word); isInitialism(upper) {
			out.WriteString(upper)
		} else {
			out.WriteString(strings.ToUpper(word[:1]) + rest)
		}
	}
	exported := out.String()
	if exported == "" || !unicode.IsUpper(rune(exported[0])) {
		return "X" + exported // no letter to begin with
	}
	return exported
}

// words splits an ASCII name. Capitals in a row are one word.
func words(name string) []string {
	var list []string
	for part := range strings.SplitSeq(name, "_") {
		start := 0
		for i := 1; i < len(part); i++ {
			if unicode.IsUpper(rune(part[i])) && !unicode.IsUpper(rune(part[i-1])) {
				list = append(list, part[start:i])
				start = i
			}
		}
		if start < len(part) {
			list = append(list, part[start:])
		}
	}
	return list
}

// scope holds the names that are taken.
type scope map[string]bool

// claim takes a name, with the first number behind it that makes it free when
// it is not.
func (s scope) claim(name string) string {
	free := name
	for i := 2; s[free]; i++ {
		free = name + strconv.Itoa(i)
	}
	s[free] = true
	return free
}

// names are the Go names of types and symbols, by the types' full names.
type names struct {
	types   map[string]string
	symbols map[string][]string
}

// nameTypes names types first, so that an enum's symbols give way to them. A
// type whose short name is taken gets its namespace's last part before it.
func nameTypes(found []named) names {
	n := names{types: map[string]string{}, symbols: map[string][]string{}}
	taken := scope{}
	for _, t := range found {
		name := goNameOf(t.node.ShortName())
		if !taken.hasRoom(name, t.node.Kind) {
			name = goNameOf(spaceEnd(t.node.Name)) + name
		}
		free := name
		for i := 2; !taken.hasRoom(free, t.node.Kind); i++ {
			free = name + strconv.Itoa(i)
		}
		for _, each := range identifiers(free, t.node.Kind) {
			taken[each] = true
		}
		n.types[t.node.Name] = free
	}
	for _, t := range found {
		for _, symbol := range t.node.Symbols {
			n.symbols[t.node.Name] = append(n.symbols[t.node.Name], taken.claim(n.types[t.node.Name]+goNameOf(symbol)))
		}
	}
	return n
}

// identifiers are all that a type declares, but for symbols.
func identifiers(name string, kind ast.Kind) []string {
	if kind == ast.Record {
		return []string{name, name + "Schema", name + "Codec"}
	}
	return []string{name}
}

func (s scope) hasRoom(name string, kind ast.Kind) bool {
	for _, each := range identifiers(name, kind) {
		if s[each] {
			return false
		}
	}
	return true
}

// spaceEnd returns the last part of a full name's namespace.
func spaceEnd(full string) string {
	parts := strings.Split(full, ".")
	return parts[max(len(parts)-2, 0)]
}
