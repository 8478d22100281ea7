package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/gokavro/gokavro/topology"
)

const (
	schemasFlag = "schemas"
	formatText  = "text"
	formatJSON  = "json"
)

// formatFault says what is wrong with the value of --schemas.
func formatFault(format string) string {
	if format != formatText && format != formatJSON {
		return fmt.Sprintf("--schemas=%s: use text or json", format)
	}
	return ""
}

// printer writes a report in a format.
type printer struct {
	format string
	out    io.Writer
}

func (p printer) write(r *Report) error {
	if p.format != formatJSON {
		return r.WriteText(p.out)
	}
	lines := json.NewEncoder(p.out)
	lines.SetEscapeHTML(false)
	lines.SetIndent("", "  ")
	return lines.Encode(r)
}

// runSchemas prints the report, and returns an error when a schema is refused.
func runSchemas(ctx context.Context, t *topology.Topology, cfg Config, p printer) error {
	r, err := New(t, cfg)
	if err != nil {
		return err
	}
	found, err := r.Schemas(ctx)
	if err != nil {
		return err
	}
	if err := p.write(found); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if refused := found.Refused(); len(refused) > 0 {
		return fmt.Errorf("topology %s: the schemas of %s are refused: see the report", r.graph.Name, strings.Join(refused, ", "))
	}
	return nil
}
