package main

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// What a rule may call: what OPA's WebAssembly runtime evaluates by itself, without clock, network, randomness
// or environment. Anything else is a type error when the bundle is loaded.
var pure = []*ast.Builtin{
	ast.Equality, ast.Assign, ast.Equal, ast.NotEqual, ast.GreaterThan, ast.GreaterThanEq, ast.LessThan, ast.LessThanEq,
	ast.Member, ast.MemberWithKey, ast.InternalPrint, ast.Print, ast.InternalTestCase, ast.InternalTemplateString,
	ast.Plus, ast.Minus, ast.Multiply, ast.Divide, ast.Rem, ast.Abs, ast.Round, ast.Ceil, ast.Floor,
	ast.And, ast.Or, ast.Intersection, ast.Union,
	ast.Count, ast.Sum, ast.Product, ast.Max, ast.Min, ast.Sort,
	ast.ArrayConcat, ast.ArraySlice, ast.ArrayReverse, ast.ArrayFlatten,
	ast.ObjectGet, ast.ObjectKeys, ast.ObjectRemove, ast.ObjectFilter, ast.ObjectUnion, ast.ObjectUnionN,
	ast.JSONFilter, ast.JSONRemove, ast.NumbersRange, ast.ToNumber, ast.FormatInt,
	ast.IsNumber, ast.IsString, ast.IsBoolean, ast.IsArray, ast.IsSet, ast.IsObject, ast.IsNull, ast.TypeNameBuiltin,
	ast.Concat, ast.Contains, ast.StartsWith, ast.EndsWith, ast.IndexOf, ast.Substring, ast.Lower, ast.Upper,
	ast.Replace, ast.ReplaceN, ast.Split, ast.StringReverse,
	ast.Trim, ast.TrimLeft, ast.TrimPrefix, ast.TrimRight, ast.TrimSuffix, ast.TrimSpace,
	ast.GlobMatch, ast.RegexIsValid, ast.RegexMatch,
	ast.WalkBuiltin, ast.ReachableBuiltin,
}

// Calendar functions are evaluated by the host. Narrower than upstream: instants only, always UTC, so that the
// host needs no time zone database and both evaluators agree.
var calendar = []*ast.Builtin{
	ast.ParseRFC3339Nanos, utcOnly(ast.Weekday), utcOnly(ast.Clock), utcOnly(ast.Date),
}

func utcOnly(upstream *ast.Builtin) *ast.Builtin {
	narrowed := *upstream
	narrowed.Decl = types.NewFunction(types.Args(types.N), upstream.Decl.Result())
	return &narrowed
}

func capabilities() *ast.Capabilities {
	upstream := ast.CapabilitiesForThisVersion()
	return &ast.Capabilities{
		Builtins:       append(append([]*ast.Builtin{}, pure...), calendar...),
		Features:       upstream.Features,
		FutureKeywords: upstream.FutureKeywords,
		AllowNet:       []string{},
	}
}
