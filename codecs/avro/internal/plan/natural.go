package plan

import (
	"reflect"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// Natural returns the Go type in which an any holds values of a node, nil for
// null and for a union.
func Natural(n *ast.Node) reflect.Type { return natural(n) }
