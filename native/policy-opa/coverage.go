package main

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// coverageTracer tells the coverage of each place once. Recording a place scans its text, and the same few
// hundred places are passed hundreds of thousands of times.
type coverageTracer struct {
	cover *cover.Cover
	seen  map[*ast.Location]struct{}
}

func newCoverageTracer() *coverageTracer {
	return &coverageTracer{cover: cover.New(), seen: map[*ast.Location]struct{}{}}
}

func (*coverageTracer) Enabled() bool {
	return true
}

func (t *coverageTracer) Config() topdown.TraceConfig {
	return t.cover.Config()
}

func (t *coverageTracer) TraceEvent(event topdown.Event) {
	at := placeOf(event)
	if at == nil {
		return
	}
	if _, known := t.seen[at]; known {
		return
	}
	t.seen[at] = struct{}{}
	t.cover.TraceEvent(event)
}

// The place that cover.Cover would record for the event, or nil.
func placeOf(event topdown.Event) *ast.Location {
	switch node := event.Node.(type) {
	case *ast.Rule:
		if event.Op == topdown.ExitOp {
			return node.Head.Location
		}
	case *ast.Expr:
		if event.Op == topdown.EvalOp {
			return node.Location
		}
	}
	return nil
}
