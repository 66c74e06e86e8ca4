package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/util"
)

type bundle struct {
	modules  map[string]*ast.Module
	compiler *ast.Compiler
	store    storage.Store
}

func serve(asked Request) Response {
	loaded, faults := load(asked)
	if len(faults) > 0 {
		return Response{Errors: faults}
	}
	ctx := context.Background()
	switch asked.Op {
	case "check":
		return Response{}
	case "compile":
		return loaded.compile(ctx, asked.Query)
	case "eval":
		return loaded.evaluate(ctx, asked.Query, asked.Inputs, false)
	case "explain":
		return loaded.evaluate(ctx, asked.Query, asked.Inputs, true)
	case "test":
		return loaded.test(ctx, asked.Filter)
	}
	return Response{Errors: []Fault{{Code: "invalid_request", Message: fmt.Sprintf("unknown operation %q", asked.Op)}}}
}

// load parses and type-checks all modules; tests take part only where they are run or checked.
func load(asked Request) (*bundle, []Fault) {
	withTests := asked.Op == "test" || asked.Op == "check"
	allowed := capabilities()
	modules := map[string]*ast.Module{}
	var faults []Fault
	for _, module := range asked.Modules {
		if !withTests && strings.HasSuffix(module.Path, "_test.rego") {
			continue
		}
		parsed, err := ast.ParseModuleWithOpts(module.Path, module.Source, ast.ParserOptions{
			Capabilities: allowed,
			RegoVersion:  ast.RegoV1,
		})
		if err != nil {
			faults = append(faults, faultsOf(err)...)
			continue
		}
		if parsed == nil {
			faults = append(faults, Fault{Code: "rego_parse_error", Message: "the file is empty", File: module.Path})
			continue
		}
		modules[module.Path] = parsed
	}
	if len(faults) > 0 {
		return nil, faults
	}
	document := map[string]any{}
	if len(asked.Data) > 0 {
		if err := util.UnmarshalJSON(asked.Data, &document); err != nil {
			return nil, []Fault{{Code: "invalid_data", Message: err.Error()}}
		}
	}
	compiler := ast.NewCompiler().WithCapabilities(allowed).WithStrict(true).SetErrorLimit(20)
	if compiler.Compile(modules); compiler.Failed() {
		return nil, faultsOf(compiler.Errors)
	}
	return &bundle{modules: modules, compiler: compiler, store: inmem.NewFromObject(document)}, nil
}

func (b *bundle) compile(ctx context.Context, query string) Response {
	// Only named variables reach the result set of a compiled query.
	compiled, err := rego.New(rego.Query("result = "+query), rego.Compiler(b.compiler), rego.Store(b.store)).Compile(ctx)
	if err != nil {
		return Response{Errors: faultsOf(err)}
	}
	return Response{Wasm: compiled.Bytes}
}

func (b *bundle) evaluate(ctx context.Context, query string, inputs []json.RawMessage, explain bool) Response {
	prepared, err := rego.New(
		rego.Query(query), rego.Compiler(b.compiler), rego.Store(b.store), rego.StrictBuiltinErrors(false),
	).PrepareForEval(ctx)
	if err != nil {
		return Response{Errors: faultsOf(err)}
	}
	results := make([]Evaluated, 0, len(inputs))
	for _, raw := range inputs {
		var input any
		if err := util.UnmarshalJSON(raw, &input); err != nil {
			return Response{Errors: []Fault{{Code: "invalid_input", Message: err.Error()}}}
		}
		tracer := &firedTracer{}
		options := []rego.EvalOption{rego.EvalInput(input)}
		if explain {
			// Early exit and indexing would hide rules that hold as well.
			options = append(options, rego.EvalQueryTracer(tracer), rego.EvalEarlyExit(false))
		}
		results = append(results, evaluateOne(ctx, prepared, options, tracer))
	}
	return Response{Results: results}
}

func evaluateOne(
	ctx context.Context, prepared rego.PreparedEvalQuery, options []rego.EvalOption, tracer *firedTracer,
) Evaluated {
	set, err := prepared.Eval(ctx, options...)
	if err != nil {
		return Evaluated{Error: &faultsOf(err)[0]}
	}
	if len(set) == 0 || len(set[0].Expressions) == 0 {
		return Evaluated{Fired: tracer.sorted()}
	}
	return Evaluated{Defined: true, Value: set[0].Expressions[0].Value, Fired: tracer.sorted()}
}
