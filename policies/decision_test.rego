package policy.assistant.v1_test

import data.policy.assistant.v1 as policy

test_nothing_asked_is_denied if {
	decided := policy.decision with input as {}
	decided.decision == "deny"
	count(decided.reasons) > 0
}

test_what_no_rule_allows_is_denied if {
	decided := policy.decision with input as with_changes(read_question, [["resources/write_steps", 1]])
	decided.decision == "deny"
	rules_of(decided) == {"no_rule_allows"}
	decided.constraints == []
	decided.ttl_s == 30
}

test_deny_overrides_approval if {
	denied_by(with_changes(revert_plan, [["resources/write_steps", 6]]), "write_steps")
}

test_approval_overrides_allow if {
	question := with_changes(revert_plan, [["stage", 2], ["risk/level", "low"], ["resources/previewed", false]])
	waits_for_approval(question, {"no_preview"})
}

test_reasons_are_sorted_by_rule if {
	decided := policy.decision with input as with_changes(revert_plan, [
		["resources/reversible", false],
		["resources/previewed", false],
		["resources/blast_radius", null],
		["risk/level", "high"],
	])
	rules := [reason.rule | some reason in decided.reasons]
	rules == ["high_risk", "irreversible", "no_preview", "stage_needs_approval", "unknown_blast_radius"]
}

test_constraints_are_sorted_by_kind if {
	decided := policy.decision with input as revert_plan
	kinds := [found.kind | some found in decided.constraints]
	kinds == sort(kinds)
	count(kinds) == 9
}

test_each_outcome_has_its_time_to_live if {
	policy.decision.ttl_s == 60 with input as read_question
	policy.decision.ttl_s == 300 with input as revert_plan
}
