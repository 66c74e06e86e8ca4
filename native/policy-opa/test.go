package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/tester"
)

// TestReport is what running the test_ rules gave.
type TestReport struct {
	Results  []TestResult   `json:"results"`
	Coverage []FileCoverage `json:"coverage"`
}

// TestResult is one test_ rule; Outcome is passed, failed, error or skipped.
type TestResult struct {
	Name       string `json:"name"`
	Package    string `json:"package"`
	File       string `json:"file"`
	Row        int    `json:"row"`
	Outcome    string `json:"outcome"`
	Message    string `json:"message,omitempty"`
	DurationUs int64  `json:"duration_us"`
}

// FileCoverage counts the lines of a file that tests reached; tests themselves are left out.
type FileCoverage struct {
	File       string `json:"file"`
	Covered    int    `json:"covered"`
	NotCovered int    `json:"not_covered"`
	// Gaps are the ranges of rows, both ends included, that no test reached.
	Gaps [][2]int `json:"gaps"`
}

const testTimeout = 10 * time.Second

func (b *bundle) test(ctx context.Context, filter string) Response {
	coverage := newCoverageTracer()
	transaction, err := b.store.NewTransaction(ctx, storage.WriteParams)
	if err != nil {
		return Response{Errors: faultsOf(err)}
	}
	defer b.store.Abort(ctx, transaction)
	running, err := tester.NewRunner().
		SetCompiler(b.compiler).
		SetStore(b.store).
		SetModules(b.modules).
		SetTimeout(testTimeout).
		SetParallel(1).
		SetCoverageQueryTracer(coverage).
		Filter(filter).
		RunTests(ctx, transaction)
	if err != nil {
		return Response{Errors: faultsOf(err)}
	}
	report := &TestReport{Results: []TestResult{}, Coverage: []FileCoverage{}}
	for result := range running {
		report.Results = append(report.Results, resultOf(result))
	}
	slices.SortFunc(report.Results, func(a, b TestResult) int {
		return strings.Compare(a.Package+"."+a.Name, b.Package+"."+b.Name)
	})
	for file, covered := range coverage.cover.Report(b.modules).Files {
		if strings.HasSuffix(file, "_test.rego") {
			continue
		}
		gaps := make([][2]int, 0, len(covered.NotCovered))
		for _, gap := range covered.NotCovered {
			gaps = append(gaps, [2]int{gap.Start.Row, gap.End.Row})
		}
		report.Coverage = append(report.Coverage, FileCoverage{
			File: file, Covered: covered.CoveredLines, NotCovered: covered.NotCoveredLines, Gaps: gaps,
		})
	}
	slices.SortFunc(report.Coverage, func(a, b FileCoverage) int { return strings.Compare(a.File, b.File) })
	return Response{Tests: report}
}

func resultOf(result *tester.Result) TestResult {
	each := TestResult{
		Name: result.Name, Package: result.Package, File: result.Location.File, Row: result.Location.Row,
		Outcome: "passed", DurationUs: result.Duration.Microseconds(),
	}
	switch {
	case result.Error != nil:
		each.Outcome, each.Message = "error", result.Error.Error()
	case result.Skip:
		each.Outcome = "skipped"
	case result.Fail:
		each.Outcome = "failed"
		if result.FailedAt != nil {
			each.Message = "not true: " + result.FailedAt.String()
		}
	}
	return each
}
