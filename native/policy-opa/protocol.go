package main

import (
	"encoding/json"
	"errors"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Module is one Rego file; a path that ends in _test.rego is left out of what decides.
type Module struct {
	Path   string `json:"path"`
	Source string `json:"source"`
}

// Request asks for one operation over a whole bundle.
type Request struct {
	// Op is check, compile, eval, explain or test.
	Op      string          `json:"op"`
	Modules []Module        `json:"modules"`
	Data    json.RawMessage `json:"data"`
	// Query is the reference that decides, e.g. data.policy.assistant.v1.decision.
	Query  string            `json:"query"`
	Inputs []json.RawMessage `json:"inputs"`
	// Filter is a regular expression over test names; empty runs all.
	Filter string `json:"filter"`
}

// Fault is one error with its place in the bundle, where it has one.
type Fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	File    string `json:"file,omitempty"`
	Row     int    `json:"row,omitempty"`
	Col     int    `json:"col,omitempty"`
}

// Response carries errors or the field that belongs to the operation.
type Response struct {
	Errors []Fault `json:"errors,omitempty"`
	// Wasm is the bundle compiled to WebAssembly (OPA ABI 1.x).
	Wasm []byte `json:"wasm,omitempty"`
	// Results has one value for each input; null where the query was undefined or failed.
	Results []Evaluated `json:"results,omitempty"`
	Tests   *TestReport `json:"tests,omitempty"`
}

// Evaluated is the interpreter's answer to one input.
type Evaluated struct {
	Defined bool    `json:"defined"`
	Value   any     `json:"value"`
	Error   *Fault  `json:"error,omitempty"`
	Fired   []Fired `json:"fired,omitempty"`
}

// Fired is a rule whose body held.
type Fired struct {
	Rule string `json:"rule"`
	File string `json:"file"`
	Row  int    `json:"row"`
}

func faultsOf(err error) []Fault {
	var several ast.Errors
	if errors.As(err, &several) {
		faults := make([]Fault, 0, len(several))
		for _, each := range several {
			faults = append(faults, located(each.Code, each.Message, each.Location))
		}
		return faults
	}
	var compile *ast.Error
	if errors.As(err, &compile) {
		return []Fault{located(compile.Code, compile.Message, compile.Location)}
	}
	var evaluation *topdown.Error
	if errors.As(err, &evaluation) {
		return []Fault{located(evaluation.Code, evaluation.Message, evaluation.Location)}
	}
	return []Fault{{Code: "internal", Message: err.Error()}}
}

func located(code, message string, at *ast.Location) Fault {
	fault := Fault{Code: code, Message: message}
	if at != nil {
		fault.File, fault.Row, fault.Col = at.File, at.Row, at.Col
	}
	return fault
}
