package main

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// firedTracer remembers each rule that was left with a result.
type firedTracer struct {
	seen map[Fired]struct{}
}

func (*firedTracer) Enabled() bool {
	return true
}

func (*firedTracer) Config() topdown.TraceConfig {
	return topdown.TraceConfig{}
}

func (t *firedTracer) TraceEvent(event topdown.Event) {
	rule, isRule := event.Node.(*ast.Rule)
	if event.Op != topdown.ExitOp || !isRule || rule.Location == nil {
		return
	}
	if t.seen == nil {
		t.seen = map[Fired]struct{}{}
	}
	t.seen[Fired{Rule: rule.Head.Ref().GroundPrefix().String(), File: rule.Location.File, Row: rule.Location.Row}] = struct{}{}
}

func (t *firedTracer) sorted() []Fired {
	fired := make([]Fired, 0, len(t.seen))
	for each := range t.seen {
		fired = append(fired, each)
	}
	slices.SortFunc(fired, func(a, b Fired) int {
		if a.File != b.File {
			if a.File < b.File {
				return -1
			}
			return 1
		}
		return a.Row - b.Row
	})
	return fired
}
